#include "core/control/relay.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "core/os/loopback.hpp"

namespace patchbay::control {
namespace {

/// The longest record of TLS.
constexpr std::size_t kBufferSize = 16 * kKiB;

constexpr std::string_view kAgreed = "HTTP/1.1 101";

int in_milliseconds(std::chrono::seconds duration) {
  constexpr auto kMost = std::chrono::milliseconds{std::numeric_limits<int>::max()};
  return static_cast<int>(
      std::min(kMost, std::chrono::duration_cast<std::chrono::milliseconds>(duration)).count());
}

}  // namespace

Relay::Buffer::Buffer(std::string_view bytes)
    : bytes_(std::max(bytes.size(), kBufferSize)), end_{bytes.size()} {
  std::copy_n(as_bytes(bytes).begin(), bytes.size(), bytes_.begin());
}

ByteSpan Relay::Buffer::content() const {
  return std::span{bytes_}.subspan(begin_, end_ - begin_);
}

std::span<std::byte> Relay::Buffer::room() {
  return std::span{bytes_}.first(kBufferSize);
}

void Relay::Buffer::fill(std::size_t count) {
  begin_ = 0;
  end_ = count;
}

Relay::Relay(int program, fetch::Tunnel& server, Kind kind, std::string_view request)
    : program_{program},
      server_{server},
      websocket_{kind == Kind::websocket ? WebSocket::asked_for : WebSocket::none},
      to_server_{request} {
}

Status Relay::run(std::chrono::seconds stall_timeout, const os::Event& stop) {
  while (!is_over()) {
    if (stop.has_happened()) return Done{};
    if (move() == Moved::something) continue;
    const Woken woken = wait(time_limit_ms(stall_timeout), stop);
    if (woken == Woken::by_stop || woken == Woken::by_gone_program) return Done{};
    if (woken == Woken::too_late && answer_start_.empty()) {
      return Error{ErrorCode::timeout, "the server has not answered for " +
                                           std::to_string(stall_timeout.count()) + " seconds"};
    }
    if (woken == Woken::too_late) return Done{};
  }
  if (!answer_start_.empty() || program_gone_) return Done{};
  return Error{ErrorCode::io, "the server has ended the connection without an answer"};
}

bool Relay::is_over() const {
  if (program_gone_) return true;
  if (server_ended_) return to_program_.empty();
  if (websocket_ == WebSocket::agreed) return program_ended_ && to_server_.empty();
  if (websocket_ == WebSocket::refused) return program_ended_ && to_program_.empty();
  return false;
}

int Relay::time_limit_ms(std::chrono::seconds stall_timeout) const {
  const bool lasts = websocket_ == WebSocket::agreed && !program_ended_ && !server_ended_;
  return lasts ? -1 : in_milliseconds(stall_timeout);
}

Relay::Moved Relay::move() {
  Moved moved = Moved::nothing;
  for (const auto step : {&Relay::receive, &Relay::ask, &Relay::answer, &Relay::send}) {
    if ((this->*step)() == Moved::something) moved = Moved::something;
  }
  return moved;
}

/// From the program.
Relay::Moved Relay::receive() {
  if (!listens_to_program()) return Moved::nothing;
  const auto got = os::receive(program_, to_server_.room());
  if (got && !*got) return Moved::nothing;
  if (!got) program_gone_ = true;
  // What follows a refusal would be a second request.
  if (got && (**got == 0 || websocket_ == WebSocket::refused)) program_ended_ = true;
  if (got && !program_ended_) to_server_.fill(**got);
  return Moved::something;
}

/// To the server.
Relay::Moved Relay::ask() {
  if (to_server_.empty() || server_deaf_) return Moved::nothing;
  const auto taken = server_.write(to_server_.content());
  if (taken && *taken == 0) return Moved::nothing;
  if (!taken) server_deaf_ = true;
  if (taken) to_server_.take(*taken);
  return Moved::something;
}

/// From the server.
Relay::Moved Relay::answer() {
  if (!listens_to_server()) return Moved::nothing;
  const auto got = server_.read(to_program_.room());
  if (got && !*got) return Moved::nothing;
  // Whether the server has ended in good order, what it has said tells.
  if (!got || **got == 0) server_ended_ = true;
  if (got) to_program_.fill(**got);
  look_at_answer(to_program_.content());
  return Moved::something;
}

/// To the program.
Relay::Moved Relay::send() {
  if (to_program_.empty()) return Moved::nothing;
  const auto taken = os::send(program_, to_program_.content());
  if (taken && *taken == 0) return Moved::nothing;
  if (!taken) program_gone_ = true;
  if (taken) to_program_.take(*taken);
  return Moved::something;
}

void Relay::look_at_answer(ByteSpan bytes) {
  if (answer_start_.size() == kAgreed.size()) return;
  answer_start_ += as_text(bytes).substr(0, kAgreed.size() - answer_start_.size());
  const bool is_known = answer_start_.size() == kAgreed.size();
  if (websocket_ != WebSocket::asked_for || !is_known) return;
  websocket_ = answer_start_ == kAgreed ? WebSocket::agreed : WebSocket::refused;
}

Relay::Woken Relay::wait(int timeout_ms, const os::Event& stop) const {
  const auto events = [](bool in, bool out) {
    return static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0));
  };
  const short of_program = events(listens_to_program(), !to_program_.empty());
  const short of_server = events(listens_to_server(), !to_server_.empty() && !server_deaf_);
  std::array<pollfd, 3> watched{{{stop.fd(), POLLIN, 0},
                                 {program_, of_program, 0},
                                 {of_server == 0 ? -1 : server_.fd(), of_server, 0}}};
  const int ready = ::poll(watched.data(), watched.size(), timeout_ms);
  if (ready == 0) return Woken::too_late;
  if (ready > 0 && watched[0].revents != 0) return Woken::by_stop;
  // Nothing is to be read from it or written to it, and still there is something.
  if (ready > 0 && of_program == 0 && watched[1].revents != 0) return Woken::by_gone_program;
  return Woken::to_move;
}

}  // namespace patchbay::control
