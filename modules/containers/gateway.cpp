#include "modules/containers/gateway.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <string_view>
#include <utility>

namespace patchbay::containers {
namespace {

using module::Error;
using module::Fd;
using module::Result;

constexpr std::size_t kMaxHead = 32U * 1024;
constexpr std::size_t kPiece = 64U * 1024;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{"the path " + path + " is too long for a socket"};
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

Fd connect_to(const std::string& path) {
  const auto address = address_of(path);
  Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!address || !socket) return {};
  const auto* const plain = reinterpret_cast<const sockaddr*>(&*address);
  if (::connect(socket.get(), plain, sizeof *address) != 0) return {};
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  return socket;
}

bool same_word(std::string_view one, std::string_view other) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string_view> lines_of(std::string_view head) {
  std::vector<std::string_view> lines;
  while (!head.empty()) {
    const auto end = std::min(head.find(kLineEnd), head.size());
    lines.push_back(head.substr(0, end));
    head.remove_prefix(std::min(head.size(), end + kLineEnd.size()));
  }
  return lines;
}

std::string_view name_of(std::string_view line) {
  return line.substr(0, line.find(':'));
}

std::vector<std::string> parts_of(std::string_view target) {
  std::vector<std::string> parts;
  target = target.substr(0, target.find('?'));
  while (!target.empty()) {
    const auto end = std::min(target.find('/'), target.size());
    if (end > 0) parts.emplace_back(target.substr(0, end));
    target.remove_prefix(std::min(target.size(), end + 1));
  }
  const bool versioned = !parts.empty() && parts.front().size() > 1 && parts.front()[0] == 'v' &&
                         parts.front().find_first_not_of("0123456789.", 1) == std::string::npos;
  if (versioned) parts.erase(parts.begin());
  return parts;
}

/// The request that a head begins with; nothing if it is none.
std::optional<GatewayRequest> request_of(std::string_view head) {
  const auto line = head.substr(0, head.find(kLineEnd));
  const auto first = line.find(' ');
  const auto second = line.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto target = line.substr(first + 1, second - first - 1);
  return GatewayRequest{std::string{line.substr(0, first)}, std::string{target}, parts_of(target)};
}

/// The same head, with which the engine ends the connection after its answer: so the next request
/// comes on a connection of its own, and nobody needs to know where a body ends.
std::string for_one_request(std::string_view head) {
  const auto lines = lines_of(head);
  const bool upgrades = std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    return same_word(name_of(line), "Upgrade");
  });
  std::string text;
  for (const std::string_view line : lines) {
    if (line.empty() || (!upgrades && same_word(name_of(line), "Connection"))) continue;
    text.append(line).append(kLineEnd);
  }
  if (!upgrades) text.append("Connection: close").append(kLineEnd);
  return text.append(kLineEnd);
}

std::string text_of(const Decision::Answer& answer) {
  std::string text =
      "HTTP/1.1 " + std::to_string(answer.status) + " patchbay\r\nConnection: close\r\n";
  if (answer.status != 204) {
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(answer.body.size()) +
        "\r\n";
  }
  return text + "\r\n" + answer.body;
}

/// One way of a connection.
struct Way {
  std::string waiting{};  ///< read, and not written yet
  bool ended = false;     ///< nothing more comes

  /// Reads when there is room. False: the connection is broken.
  bool read_from(int fd) {
    std::array<char, kPiece> piece{};
    const auto count = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) ended = true;
    waiting.append(piece.data(), static_cast<std::size_t>(count));
    return true;
  }
  bool write_to(int fd) {
    const auto count = ::send(fd, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    waiting.erase(0, static_cast<std::size_t>(count));
    return true;
  }
  [[nodiscard]] short wants_in() const {
    return !ended && waiting.size() < kPiece ? static_cast<short>(POLLIN) : short{0};
  }
  [[nodiscard]] short wants_out() const {
    return waiting.empty() ? short{0} : static_cast<short>(POLLOUT);
  }
};

class Exchange {
 public:
  Exchange(Fd client, const std::string& engine_socket, const Judge& judge)
      : client_{std::move(client)}, engine_socket_{&engine_socket}, judge_{&judge} {}

  void ask(std::vector<pollfd>& wanted) const {
    const bool asks = passing_ || !judged_;
    wanted.push_back(
        {client_.get(),
         static_cast<short>((asks ? to_engine_.wants_in() : 0) | to_client_.wants_out()), 0});
    wanted.push_back(
        {engine_.get(),
         static_cast<short>(to_client_.wants_in() | (passing_ ? to_engine_.wants_out() : 0)), 0});
  }

  /// False when it is over.
  bool go_on(const pollfd& client, const pollfd& engine) {
    return move_client(client.revents) && move_engine(engine.revents) && !is_over();
  }

 private:
  bool move_client(short events) {
    if ((events & POLLOUT) != 0 && !to_client_.write_to(client_.get())) return false;
    if ((events & (POLLIN | POLLHUP)) == 0) return (events & (POLLERR | POLLNVAL)) == 0;
    if (to_engine_.ended) return (events & POLLHUP) == 0;
    if (!to_engine_.read_from(client_.get())) return false;
    if (!judged_) return judge_head();
    return true;
  }

  bool move_engine(short events) {
    if (!passing_) return true;
    if ((events & POLLOUT) != 0 && !to_engine_.write_to(engine_.get())) return false;
    if ((events & (POLLIN | POLLHUP)) != 0 && !to_client_.ended &&
        !to_client_.read_from(engine_.get())) {
      return false;
    }
    if (to_engine_.ended && to_engine_.waiting.empty() && !told_end_) {
      told_end_ = true;
      ::shutdown(engine_.get(), SHUT_WR);
    }
    if (to_client_.ended) {
      engine_.reset();
      passing_ = false;
      if (decision_.when_answered) std::exchange(decision_.when_answered, {})();
      return true;
    }
    return (events & (POLLERR | POLLNVAL)) == 0;
  }

  [[nodiscard]] bool is_over() const {
    if (!judged_) return to_engine_.ended;
    return to_client_.ended && to_client_.waiting.empty();
  }

  bool judge_head() {
    const auto end = to_engine_.waiting.find(kHeadEnd);
    if (end == std::string::npos) return to_engine_.waiting.size() <= kMaxHead;
    const std::string head = to_engine_.waiting.substr(0, end + kLineEnd.size());
    const auto request = request_of(head);
    if (!request) return false;
    judged_ = true;
    decision_ = (*judge_)(*request);
    if (!decision_.answer) {
      engine_ = connect_to(*engine_socket_);
      passing_ = static_cast<bool>(engine_);
      if (!passing_)
        decision_.answer = {502, R"({"message":"the container engine does not answer"})"};
    }
    if (decision_.answer) {
      to_client_.waiting = text_of(*decision_.answer);
      to_client_.ended = true;
    } else {
      to_engine_.waiting.replace(0, end + kHeadEnd.size(), for_one_request(head));
    }
    return true;
  }

  Fd client_;
  Fd engine_;
  const std::string* engine_socket_;
  const Judge* judge_;
  Decision decision_;
  Way to_engine_;
  Way to_client_;
  bool judged_ = false;
  bool passing_ = false;
  bool told_end_ = false;
};

}  // namespace

Result<Gateway> Gateway::open(const std::string& path, std::string engine_socket) {
  PATCHBAY_TRY(const auto address, address_of(path));
  Fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!listener) return Error::from_errno(errno, "make a socket");
  ::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int why = errno;
  ::umask(before);
  if (bound != 0) return Error::from_errno(why, "make the socket " + path);
  if (::listen(listener.get(), SOMAXCONN) != 0)
    return Error::from_errno(errno, "listen at " + path);
  return Gateway{std::move(listener), path, std::move(engine_socket)};
}

Gateway::~Gateway() {
  if (listener_) ::unlink(path_.c_str());
}

void Gateway::serve(int ended, const Judge& judge) const {
  std::list<Exchange> exchanges;
  while (true) {
    std::vector<pollfd> wanted{{ended, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Exchange& exchange : exchanges)
      exchange.ask(wanted);
    if (::poll(wanted.data(), wanted.size(), -1) < 0) continue;
    if (wanted[0].revents != 0) return;
    std::size_t at = 2;
    for (auto exchange = exchanges.begin(); exchange != exchanges.end(); at += 2) {
      exchange = exchange->go_on(wanted[at], wanted[at + 1]) ? std::next(exchange)
                                                             : exchanges.erase(exchange);
    }
    if (wanted[1].revents == 0) continue;
    Fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (client) exchanges.emplace_back(std::move(client), engine_socket_, judge);
  }
}

}  // namespace patchbay::containers
