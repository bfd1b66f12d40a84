#include "core/base/bytes.hpp"

#include <gtest/gtest.h>

namespace patchbay {
namespace {

TEST(ToHex, GivenBytes_ThenTwoLowerCaseDigitsEach) {
  EXPECT_EQ(to_hex(as_bytes(std::string_view{"\x00\x7f\xff", 3})), "007fff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(HumanSize, GivenSizes_ThenUnitsForPeople) {
  EXPECT_EQ(human_size(0), "0 bytes");
  EXPECT_EQ(human_size(1), "1 byte");
  EXPECT_EQ(human_size(1023), "1023 bytes");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size(512 * kMiB), "512 MiB");
  EXPECT_EQ(human_size(8ULL << 30), "8.0 GiB");
}

TEST(Printable, GivenControlAndBrokenBytes_ThenEscaped) {
  EXPECT_EQ(printable("plain \xc3\xa9"), "plain \xc3\xa9");
  EXPECT_EQ(printable("a\x1b[2J\n\xff"), "a\\x1b[2J\\x0a\\xff");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut short
}

TEST(Printable, GivenLongText_ThenCut) {
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(InMemory, GivenCounts_ThenNoneIsLargerThanMemory) {
  EXPECT_EQ(in_memory(0), 0U);
  EXPECT_EQ(in_memory(4096), 4096U);
  EXPECT_EQ(in_memory(UINT64_MAX), SIZE_MAX);
}

}  // namespace
}  // namespace patchbay
