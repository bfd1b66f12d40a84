#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/host/download.hpp"
#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host::testing {

// What a well-behaved streaming module does: reads every stream into $OUT.
inline constexpr const char* kStreamer = R"(
case $1 in Download*)
  while line=$(cat stream-next) && [ -n "$line" ]; do
    echo "$line" >> $OUT/announced
    name=${line%% *}
    cat $name > $OUT/got-$(basename $name)
  done
esac
)";

/// How a module in shell says that it takes its streams with read(2).
inline constexpr const char* kZeroCopy = "echo zero-copy >&$PATCHBAY_PROGRESS_FD\n";

inline std::string inside_download(const std::string& body) {
  return "case $1 in Download*)\n" + body + "\n;; esac";
}

inline std::string big() {
  std::string bytes(3 * 1024 * 1024, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 977)
    bytes[i] = static_cast<char>('a' + i % 26);
  return bytes;
}

inline std::vector<MemorySource::Content> one_big_file() {
  return {{"big.img", big(), std::nullopt}};
}

inline void expect_no_pipes(const ProbeModule& probe) {
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("stream-next")));
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree(".pipe.new")));
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("streams")));
}

}  // namespace patchbay::host::testing
