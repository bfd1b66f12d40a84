#include "modules/containers/vcdiff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace patchbay::containers {
namespace {

using testing::HasSubstr;

/// Bytes as the test writes them, with zeros in between.
template <std::size_t size>
std::string bytes(const char (&text)[size]) {
  return {text, size - 1};
}

const std::string kHead = bytes("\xd6\xc3\xc4\x00\x00");
// No source; five bytes follow, the first of which says that the window makes three.
const std::string kWindow = bytes("\x00\x05\x03\x00\x00\x00\x00");

module::Result<std::uint64_t> size_of(const std::string& delta, std::size_t piece = 1000) {
  std::size_t done = 0;
  return decoded_size([&](char* buffer, std::size_t room) {
    const std::size_t count = std::min({room, piece, delta.size() - done});
    std::copy_n(delta.data() + done, count, buffer);
    done += count;
    return module::Result<std::size_t>{count};
  });
}

struct Case {
  std::string name;
  std::string delta;
  std::uint64_t size;
};

class Sizes : public testing::TestWithParam<Case> {};

TEST_P(Sizes, GivenADelta_WhenItsSizeIsAskedFor_ThenItsWindowsAreAdded) {
  for (const std::size_t piece : {1, 3, 1000}) {
    const auto size = size_of(GetParam().delta, piece);

    ASSERT_TRUE(size) << size.error().message();
    EXPECT_EQ(*size, GetParam().size);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Vcdiff, Sizes,
    testing::Values(Case{"Nothing", kHead, 0}, Case{"OneWindow", kHead + kWindow, 3},
                    Case{"TwoWindows", kHead + kWindow + kWindow, 6},
                    Case{"SourceAndChecksum", kHead + bytes("\x05\x10\x20\x02\x81\x00"), 128},
                    Case{"CompressorAndApplicationHeader",
                         bytes("\xd6\xc3\xc4\x00\x05\x02\x03xyz") + kWindow, 3}),
    [](const auto& one) { return one.param.name; });

struct Refusal {
  std::string name;
  std::string delta;
  std::string why;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, GivenNoDelta_WhenItsSizeIsAskedFor_ThenTheErrorSaysWhy) {
  const auto size = size_of(GetParam().delta);

  ASSERT_FALSE(size);
  EXPECT_THAT(size.error().message(), HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Vcdiff, Refused,
    testing::Values(
        Refusal{"Empty", "", "no delta"}, Refusal{"Text", "no delta at all", "no delta"},
        Refusal{"CutInHead", bytes("\xd6\xc3\xc4\x00"), "ends in the middle"},
        Refusal{"CutInWindow", kHead + bytes("\x00\x05\x03"), "ends in the middle"},
        Refusal{"CodeTable", bytes("\xd6\xc3\xc4\x00\x02"), "a code table"},
        Refusal{"UnknownWindow", kHead + bytes("\x08\x01\x01"), "unknown kind"},
        Refusal{"WindowWithoutRoom", kHead + bytes("\x00\x01\x81\x00"), "ends before it begins"},
        Refusal{"HugeNumber", kHead + bytes("\x00") + std::string(12, '\xff'), "no file can have"},
        Refusal{"HugeSum",
                kHead + bytes("\x00\x09\xa0\x80\x80\x80\x80\x80\x80\x80\x00") +
                    bytes("\x00\x09\xa0\x80\x80\x80\x80\x80\x80\x80\x00") +
                    bytes("\x00\x09\xa0\x80\x80\x80\x80\x80\x80\x80\x00"),
                "more than a file can hold"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace patchbay::containers
