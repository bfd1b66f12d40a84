#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::rootfs_image {

/// Some bytes of a pack.
struct PackPart {
  std::uint64_t at = 0;
  std::uint32_t size = 0;  ///< at least 1
};

struct PackPlace {
  std::string url;
  std::uint64_t size = 0;  ///< of the pack; a server that says otherwise has another one
  /// PEM files; empty: none. The first is trusted beside the system's own certificates.
  std::string server_certificate{};
  std::string client_certificate{};
  std::string client_key{};
  /// A connection on which nothing comes for so long is broken.
  std::chrono::seconds patience{60};
};

/// Fetches parts of a pack in the order they are wanted, by HTTP ranges over one connection, those
/// that are neighbours together. A connection that breaks is taken up again at the part where it
/// broke: up to five times, with pauses that grow, until something comes. Proxies as libcurl takes
/// them from the environment. Memory in use is 2 MiB and one part.
class PackFetcher {
 public:
  using Log = std::function<void(const std::string& line)>;

  /// Error: libcurl is missing; says how to get it. Asks no server yet.
  static module::Result<PackFetcher> create(PackPlace place, std::vector<PackPart> parts, Log log);
  /// Whether it could be done at all.
  static module::Status require_library();

  PackFetcher(PackFetcher&&) noexcept;
  PackFetcher& operator=(PackFetcher&&) noexcept;
  ~PackFetcher();

  /// The next part, valid until the next call; asking for more than there are is a bug. Errors name
  /// the URL, the bytes, and what the server said.
  module::Result<std::span<const std::byte>> next();

  [[nodiscard]] std::uint64_t fetched() const;  ///< bytes of answers so far
  [[nodiscard]] unsigned requests() const;      ///< so far

 private:
  struct State;
  explicit PackFetcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::rootfs_image
