#include "core/control/connection.hpp"

#include <poll.h>

#include <array>
#include <cerrno>

#include "core/base/bytes.hpp"
#include "core/control/relay.hpp"
#include "core/fetch/tunnel.hpp"
#include "core/os/loopback.hpp"

namespace patchbay::control {
namespace {

constexpr std::size_t kMostHead = 64 * kKiB;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
/// How long a program that has its answer is listened to.
constexpr std::chrono::seconds kParting{2};

}  // namespace

void Connection::serve(const std::stop_token& stop) {
  if (const auto refusal = pass_on(stop)) refuse(*refusal);
  part();
}

void Connection::turn_away() {
  const auto received = receive();
  if (received) refuse({"503 Service Unavailable", "too many connections at a time"});
  part();
}

std::optional<Connection::Refusal> Connection::pass_on(const std::stop_token& stop) {
  const auto received = receive();
  return received ? pass_on(*received, stop) : not_received(received.error());
}

std::optional<Connection::Refusal> Connection::pass_on(const Received& received,
                                                       const std::stop_token& stop) {
  const auto head = parse_request_head(received.head);
  if (!head) return Refusal{"400 Bad Request", head.error().message()};
  const auto destination = around_.destination();
  if (!destination) return Refusal{"503 Service Unavailable", "no server has accepted this device"};
  auto server = fetch::Tunnel::open(destination->origin, around_.options, stop);
  if (!server) return not_reached(server.error());
  const auto kind = head->wants_websocket() ? Relay::Kind::websocket : Relay::Kind::request;
  Relay relay{program_.get(), *server, kind,
              control::passed_on(*head, *destination) + received.rest};
  const auto end = relay.run(around_.options.stall_timeout, around_.stop);
  if (!end) return not_reached(end.error().context(destination->origin));
  return std::nullopt;
}

Connection::Refusal Connection::not_reached(const Error& error) const {
  if (error.code() != ErrorCode::cancelled) {
    around_.log.warning("what a program has asked the server is not answered: " + error.message());
  }
  return {"502 Bad Gateway", error.message()};
}

std::optional<Connection::Refusal> Connection::not_received(const Error& error) {
  switch (error.code()) {
    case ErrorCode::timeout:
      return Refusal{"408 Request Timeout", error.message()};
    case ErrorCode::invalid_input:
      return Refusal{"431 Request Header Fields Too Large", error.message()};
    default:
      return std::nullopt;
  }
}

Result<Connection::Received> Connection::receive() {
  const Deadline deadline = Deadline::after(around_.options.stall_timeout);
  std::array<std::byte, 4096> buffer{};
  std::string text;
  std::size_t end = std::string::npos;
  while (end == std::string::npos) {
    PB_TRY(const std::size_t got, receive_some(buffer, deadline));
    if (got == 0) return Error{ErrorCode::io, "the program has gone"};
    const std::size_t begin = text.size() - std::min(text.size(), kHeadEnd.size() - 1);
    text += as_text(std::span{buffer}.first(got));
    end = text.find(kHeadEnd, begin);
    if (std::min(end, text.size()) > kMostHead) {
      return Error{ErrorCode::invalid_input,
                   "the head of the request is longer than " + human_size(kMostHead)};
    }
  }
  end += kHeadEnd.size();
  return Received{text.substr(0, end), text.substr(end)};
}

/// 0: the program has ended.
Result<std::size_t> Connection::receive_some(std::span<std::byte> buffer, Deadline deadline) {
  for (;;) {
    PB_TRY(const auto got, os::receive(program_.get(), buffer));
    if (got) return *got;
    PB_CHECK(wait(deadline));
  }
}

void Connection::refuse(const Refusal& refusal) {
  const std::string body = refusal.why + "\n";
  const std::string answer = "HTTP/1.1 " + std::string{refusal.status} +
                             "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
                             std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  // Whoever has not taken anything before takes this at once.
  static_cast<void>(os::send(program_.get(), as_bytes(answer)));
}

/// A connection that is closed while bytes of the program are on their way takes the answer with
/// it.
void Connection::part() {
  os::end_sending(program_.get());
  const Deadline deadline = Deadline::after(kParting);
  std::array<std::byte, 4096> buffer{};
  Result<std::size_t> got = std::size_t{1};
  while (got && *got > 0 && !deadline.passed() && !around_.stop.has_happened())
    got = receive_some(buffer, deadline);
}

/// Until the program has sent something, or ended.
Status Connection::wait(Deadline deadline) const {
  std::array<pollfd, 2> watched{{{around_.stop.fd(), POLLIN, 0}, {program_.get(), POLLIN, 0}}};
  const int ready = ::poll(watched.data(), watched.size(), deadline.poll_timeout());
  if (ready == 0) return Error{ErrorCode::timeout, "the head of the request has not come in time"};
  if (ready > 0 && watched[0].revents != 0) return Error{ErrorCode::cancelled, "at the end"};
  return Done{};
}

}  // namespace patchbay::control
