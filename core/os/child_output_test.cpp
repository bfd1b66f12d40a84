#include "core/os/child_output.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace patchbay::os {
namespace {

struct SplitCase {
  const char* name;
  std::size_t max_line;
  std::vector<std::string> writes;
  std::vector<std::string> lines;
};

void PrintTo(const SplitCase& row, std::ostream* out) {
  *out << row.name;
}

class LineSplitting : public ::testing::TestWithParam<SplitCase> {};

TEST_P(LineSplitting, GivenWrites_WhenFed_ThenLinesComeOut) {
  std::vector<std::string> lines;
  const LineSink sink = [&](Stream, std::string_view line) { lines.emplace_back(line); };
  LineSplitter splitter{Stream::out, GetParam().max_line, sink};

  for (const auto& bytes : GetParam().writes)
    splitter.feed(bytes);
  splitter.flush();

  EXPECT_EQ(lines, GetParam().lines);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LineSplitting,
    ::testing::Values(SplitCase{"Nothing", 8, {}, {}}, SplitCase{"EmptyWrite", 8, {""}, {}},
                      SplitCase{"OneLine", 8, {"abc\n"}, {"abc"}},
                      SplitCase{"EmptyLine", 8, {"\n\n"}, {"", ""}},
                      SplitCase{"LineOverThreeWrites", 8, {"a", "b", "c\nd"}, {"abc", "d"}},
                      SplitCase{"LineEndAlone", 8, {"abc", "\n"}, {"abc"}},
                      SplitCase{"ManyLinesInOneWrite", 8, {"a\nb\nc\n"}, {"a", "b", "c"}},
                      SplitCase{"NoLineEndAtTheEnd", 8, {"a\nlast"}, {"a", "last"}},
                      SplitCase{"CarriageReturn", 8, {"a\r\nb\r", "\n"}, {"a", "b"}},
                      SplitCase{"CarriageReturnInside", 8, {"a\rb\n"}, {"a\rb"}},
                      SplitCase{"ExactlyTheLimit", 4, {"abcd\n"}, {"abcd"}},
                      SplitCase{"OneBeyondTheLimit", 4, {"abcde\n"}, {"abcd", "e"}},
                      SplitCase{"LimitReachedByBytes", 2, {"a", "b", "c", "d", "\n"}, {"ab", "cd"}},
                      SplitCase{"LongWithoutEnd", 4, {"abcdefghij"}, {"abcd", "efgh", "ij"}},
                      SplitCase{"LimitOfNothing", 0, {"ab\n"}, {"a", "b"}},
                      SplitCase{
                          "NulBytes", 8, {std::string{"a\0b\n", 4}}, {std::string{"a\0b", 3}}}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(KeptOutput, GivenMoreThanTheLimit_WhenFed_ThenTheStartIsKept) {
  KeptOutput kept{4, {}};

  kept.feed("abc");
  EXPECT_FALSE(kept.truncated);
  kept.feed("def");
  kept.feed("ghi");

  EXPECT_EQ(kept.text, "abcd");
  EXPECT_TRUE(kept.truncated);
}

TEST(KeptOutput, GivenExactlyTheLimit_WhenFed_ThenNothingIsMissing) {
  KeptOutput kept{3, {}};

  kept.feed("abc");

  EXPECT_FALSE(kept.truncated);
}

}  // namespace
}  // namespace patchbay::os
