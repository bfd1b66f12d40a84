#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

/// Connections between programs of this device, over 127.0.0.1. Nothing here blocks: whoever has to
/// wait does so with poll(2).
namespace patchbay::os {

class LoopbackListener {
 public:
  /// On a port that is free.
  static Result<LoopbackListener> open();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Readable when somebody wants to connect.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next connection; nothing: nobody wants to, any more. An error (too many descriptors) can
  /// pass by itself.
  [[nodiscard]] Result<std::optional<UniqueFd>> accept() const;

 private:
  LoopbackListener(UniqueFd fd, std::uint16_t port) : fd_{std::move(fd)}, port_{port} {}
  UniqueFd fd_;
  std::uint16_t port_;
};

/// The number of bytes got, 0 when the other side has ended; nothing: none have come yet.
Result<std::optional<std::size_t>> receive(int connection, std::span<std::byte> buffer);
/// The number of bytes taken; 0: none can be taken yet. No SIGPIPE.
Result<std::size_t> send(int connection, ByteSpan bytes);
/// Tells the other side that nothing more comes; it can still send.
void end_sending(int connection);

}  // namespace patchbay::os
