#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/rootfs-image/pack_fetcher.hpp"
#include "sdk/curl/handle.hpp"

// Internal to the fetching of packs: one request for a range.
namespace patchbay::rootfs_image {

/// Why a range did not come.
struct RangeFailure {
  std::string why;
  bool can_pass = false;  ///< whether asking again makes sense
};

/// A server, asked for one range after the other over the same connection.
class RangeClient {
 public:
  RangeClient(const curl::Library& curl, const PackPlace& place);
  RangeClient(const RangeClient&) = delete;
  RangeClient& operator=(const RangeClient&) = delete;

  /// Appends the `count` bytes from `at` on to `bytes`, also those that came before a failure.
  /// Nothing else ever gets there: not the body of a refusal, of the whole pack, or of another one.
  std::optional<RangeFailure> get(std::uint64_t at, std::uint64_t count,
                                  std::vector<std::byte>& bytes);

 private:
  struct Answer;
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user);
  [[nodiscard]] std::optional<RangeFailure> judge(Answer& answer) const;
  [[nodiscard]] std::optional<RangeFailure> judge_end(CURLcode code, Answer& answer) const;

  PackPlace place_;
  curl::Handle handle_;
};

}  // namespace patchbay::rootfs_image
