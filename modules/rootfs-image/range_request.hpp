#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modules/rootfs-image/pack_fetcher.hpp"

// Internal to the fetching of packs: one request for a range, through libcurl, which is loaded when
// there is something to fetch.
namespace patchbay::rootfs_image {

struct CurlLibrary {
  static module::Result<CurlLibrary> load();

  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
};

/// Why a range did not come.
struct RangeFailure {
  std::string why;
  bool can_pass = false;  ///< whether asking again makes sense
};

/// A server, asked for one range after the other over the same connection.
class RangeClient {
 public:
  RangeClient(const CurlLibrary& curl, const PackPlace& place);
  RangeClient(const RangeClient&) = delete;
  RangeClient& operator=(const RangeClient&) = delete;
  ~RangeClient();

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
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_.easy_setopt(handle_, option, value);
  }

  CurlLibrary curl_;
  PackPlace place_;
  CURL* handle_;
};

}  // namespace patchbay::rootfs_image
