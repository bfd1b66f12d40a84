#pragma once

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/base/bytes.hpp"
#include "core/fetch/source.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/result_matchers.hpp"

/// What the tests of downloads share.
namespace patchbay::fetch {

/// Everything to the end, or the error.
inline Result<std::string> read_all(ByteSource& source) {
  std::string all;
  std::array<std::byte, 10'000> buffer{};
  for (;;) {
    PB_TRY(const auto got, source.read(buffer));
    if (got == 0) return all;
    all += as_text({buffer.data(), got});
  }
}

inline std::string some_bytes(std::size_t count) {
  std::string bytes;
  while (bytes.size() < count)
    bytes += std::to_string(bytes.size()) + ",";
  bytes.resize(count);
  return bytes;
}

class DownloadTest : public ::testing::Test {
 protected:
  // Proxies of the machine that runs the tests would be asked for 127.0.0.1.
  DownloadTest() {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
    options_.resume_interval = std::chrono::milliseconds{1};
  }

  Result<std::string> fetch(const std::string& url) {
    PB_TRY(const auto source, open(url, options_, log_));
    size_ = source->size();
    return read_all(*source);
  }

  TransferOptions options_;
  testing::CollectingLog log_;
  std::optional<std::uint64_t> size_;
};

}  // namespace patchbay::fetch
