#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/base/unique_fd.hpp"

/// What tests of connections on this device share.
namespace patchbay::os {

constexpr int kPatience_ms = 60'000;

inline bool is_ready(int fd, short events, int timeout_ms = kPatience_ms) {
  pollfd watched{fd, events, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

inline UniqueFd connect_to_loopback(std::uint16_t port) {
  UniqueFd connection{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(::connect(connection.get(), generic, sizeof address), 0) << std::strerror(errno);
  return connection;
}

}  // namespace patchbay::os
