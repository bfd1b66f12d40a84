#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/fetch/source.hpp"

namespace patchbay::fetch {

class Transfer;

/// A connection to a server for those who know themselves what to say on it, with certificates and
/// proxies as for downloads. What is said is HTTP/1.1: no other version is agreed upon. One thread.
/// With TLS, the program has to ignore SIGPIPE.
class Tunnel {
 public:
  /// Connects to the host of `url`, http or https; through a proxy, if there is one for it, with
  /// CONNECT. Blocks, no longer than connect_timeout; a stop ends the wait at once.
  ///
  /// Errors as for call(), and cancelled.
  static Result<Tunnel> open(const std::string& url, const TransferOptions& options,
                             const std::stop_token& stop = {});
  Tunnel(Tunnel&& other) noexcept;
  Tunnel& operator=(Tunnel&& other) noexcept;
  ~Tunnel();

  /// To wait at, with poll(2). Bytes that have come already do not show there: read first, and wait
  /// when there is nothing.
  [[nodiscard]] int fd() const { return fd_; }

  /// The number of bytes got, 0 when the other side has ended; nothing: none have come yet.
  Result<std::optional<std::size_t>> read(std::span<std::byte> buffer);
  /// The number of bytes taken; 0: none can be taken yet. Then the next write has to begin with the
  /// same bytes, at the same place in memory: a part of them may be on its way, encrypted.
  Result<std::size_t> write(ByteSpan bytes);

 private:
  Tunnel(std::unique_ptr<Transfer> transfer, int fd, std::string name);
  std::unique_ptr<Transfer> transfer_;
  int fd_;            // the transfer's
  std::string name_;  // of the URL, for people
};

}  // namespace patchbay::fetch
