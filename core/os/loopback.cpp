#include "core/os/loopback.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace patchbay::os {
namespace {

constexpr int kBacklog = 64;

/// A key pressed at a remote terminal is not to wait for the next one.
void send_without_delay(int connection) {
  const int on = 1;
  ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool is_for_later(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

}  // namespace

Result<LoopbackListener> LoopbackListener::open() {
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (!fd || ::bind(fd.get(), generic, size) != 0 || ::listen(fd.get(), kBacklog) != 0 ||
      ::getsockname(fd.get(), generic, &size) != 0) {
    return Error::from_errno(errno, "listen on 127.0.0.1");
  }
  return LoopbackListener{std::move(fd), ntohs(address.sin_port)};
}

Result<std::optional<UniqueFd>> LoopbackListener::accept() const {
  UniqueFd connection{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (connection) {
    send_without_delay(connection.get());
    return std::optional{std::move(connection)};
  }
  if (is_for_later(errno) || errno == ECONNABORTED) return std::optional<UniqueFd>{};
  return Error::from_errno(errno, "accept a connection on port " + std::to_string(port_));
}

Result<std::optional<std::size_t>> receive(int connection, std::span<std::byte> buffer) {
  const ssize_t got = ::recv(connection, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got >= 0) return std::optional{static_cast<std::size_t>(got)};
  if (is_for_later(errno)) return std::optional<std::size_t>{};
  return Error::from_errno(errno, "receive from a program of this device");
}

Result<std::size_t> send(int connection, ByteSpan bytes) {
  const ssize_t taken = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (taken >= 0) return static_cast<std::size_t>(taken);
  if (is_for_later(errno)) return std::size_t{0};
  return Error::from_errno(errno, "send to a program of this device");
}

void end_sending(int connection) {
  ::shutdown(connection, SHUT_WR);
}

}  // namespace patchbay::os
