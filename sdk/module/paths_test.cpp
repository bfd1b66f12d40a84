#include <gmock/gmock.h>

#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

struct Normal {
  std::string name;
  std::string text;
  std::string want;   // empty: refused
  std::string error;  // part of the message
};
class NormalisePath : public ::testing::TestWithParam<Normal> {};

TEST_P(NormalisePath, GivenText_ThenPathOrReason) {
  const auto path = normalise_path(GetParam().text, "dest");

  ASSERT_EQ(path.has_value(), GetParam().error.empty());
  if (path) {
    EXPECT_EQ(*path, GetParam().want);
  } else {
    EXPECT_THAT(path.error().message(), ::testing::HasSubstr(GetParam().error));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, NormalisePath,
    ::testing::Values(Normal{"Plain", "/a/b", "/a/b", ""}, Normal{"Root", "/", "/", ""},
                      Normal{"Slashes", "//a///b//", "/a/b", ""},
                      Normal{"Dots", "/./a/./b/.", "/a/b", ""},
                      Normal{"Hidden", "/..a/.b/c..", "/..a/.b/c..", ""},
                      Normal{"Blanks", "/a b/ ", "/a b/ ", ""},
                      Normal{"Empty", "", "", "dest is empty"},
                      Normal{"Relative", "a/b", "", "is not an absolute path"},
                      Normal{"DotDot", "/a/../b", "", "contains '..'"},
                      Normal{"DotDotAtEnd", "/a/..", "", "contains '..'"},
                      Normal{"Nul", std::string{"/a\0b", 4}, "", "contains a NUL byte"}),
    [](const auto& test) { return test.param.name; });

TEST(Paths, GivenPaths_ThenPartsAreRight) {
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "/");
  EXPECT_EQ(base_name("/a/b c"), "b c");
  EXPECT_EQ(join_path("/", "a"), "/a");
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
}

TEST(HumanSize, GivenBytes_ThenReadable) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1024), "1.0 KiB");
  EXPECT_EQ(human_size(1536ULL * 1024 * 1024), "1.5 GiB");
}

}  // namespace
}  // namespace patchbay::module
