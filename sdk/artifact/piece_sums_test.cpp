#include "sdk/artifact/piece_sums.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "core/artifact/sha256.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact_tool {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::uint64_t kPiece = kPieceUnit;

std::string sum_of(std::string_view bytes) {
  return to_hex(*artifact::sha256(as_bytes(bytes)));
}

/// No two pieces of it are alike.
std::string image_of(std::size_t bytes) {
  std::string image;
  for (int line = 0; image.size() < bytes; ++line)
    image += std::to_string(line) + "\n";
  image.resize(bytes);
  return image;
}

artifact::PayloadSpec::File file_of(std::string content) {
  return {"image", {}, artifact::text_content(std::move(content))};
}

class PieceSumsOf : public ::testing::TestWithParam<std::size_t> {};

TEST_P(PieceSumsOf, GivenFile_WhenSummedUp_ThenEveryPieceHasItsSumAndTheLastNoPadding) {
  const std::string image = image_of(GetParam());

  const auto pieces = piece_sums_of(file_of(image), kPiece);

  ASSERT_THAT(pieces, IsOk());
  EXPECT_EQ(pieces->of, sum_of(image));
  EXPECT_EQ(pieces->count(), count_pieces(image.size(), kPiece));
  std::string want;
  for (std::size_t at = 0; at < image.size(); at += kPiece)
    want += sum_of(std::string_view{image}.substr(at, kPiece));
  EXPECT_EQ(pieces->sums, want);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PieceSumsOf,
                         ::testing::Values(0, 1, kPiece - 1, kPiece, kPiece + 1, 40 * kPiece,
                                           300 * kPiece + 7));

TEST(PieceSums, GivenMetaData_WhenPiecesAreAddedAndTakenOut_ThenTheRestStays) {
  const PieceSums pieces{sum_of("image"), kPiece, sum_of("one") + sum_of("two")};
  const std::string with = with_piece_sums(R"({"b":1,"a":[2.5]})", pieces);

  const auto read = piece_sums_in(with);

  ASSERT_THAT(read, IsOk());
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->of, pieces.of);
  EXPECT_EQ((*read)->size, kPiece);
  EXPECT_EQ((*read)->sum(1), sum_of("two"));
  EXPECT_EQ(without_piece_sums(with), R"({"b":1,"a":[2.5]})");
  EXPECT_EQ(without_piece_sums(with_piece_sums("", pieces)), "");
  EXPECT_EQ(with_piece_sums(with, PieceSums{sum_of(""), kPiece, ""}), R"({"b":1,"a":[2.5]})");
  EXPECT_THAT(with_piece_sums_counted(with), HasSubstr(R"("count":2)"));
  EXPECT_THAT(with_piece_sums_counted(with), Not(HasSubstr(sum_of("one"))));
}

TEST(PieceSums, GivenKeyOfAnotherMeaning_WhenReadTakenOutOrCounted_ThenItIsLeftAlone) {
  for (const std::string text : {R"({"pieces":5})", R"({"pieces":{"of":"cake"}})", "", "null"}) {
    const auto read = piece_sums_in(text);

    ASSERT_THAT(read, IsOk()) << text;
    EXPECT_FALSE(read->has_value()) << text;
    EXPECT_EQ(without_piece_sums(text), text);
    EXPECT_EQ(with_piece_sums_counted(text), text);
  }
}

struct Broken {
  const char* name;
  std::string of, size, sums;
  const char* says;
};
void PrintTo(const Broken& given, std::ostream* out) {
  *out << given.name;
}
class BrokenPieceSums : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenPieceSums, GivenThem_WhenRead_ThenTheMessageNamesWhatIsWrong) {
  const Broken& given = GetParam();
  const std::string text = R"({"pieces":{"of":)" + given.of + R"(,"size":)" + given.size +
                           R"(,"sha256":)" + given.sums + "}}";

  EXPECT_THAT(piece_sums_in(text), FailsWith(ErrorCode::invalid_input, HasSubstr(given.says)));
}

const std::string kSum = '"' + std::string(64, 'a') + '"';
INSTANTIATE_TEST_SUITE_P(
    Kinds, BrokenPieceSums,
    ::testing::Values(Broken{"SizeZero", kSum, "0", kSum,
                             "a multiple of 4096 bytes, at most 16777216, not 0"},
                      Broken{"SizeHuge", kSum, "1099511627776", kSum, "1099511627776"},
                      Broken{"SizeOdd", kSum, "4097", kSum, "not 4097"},
                      Broken{"SumsEmpty", kSum, "4096", "\"\"", "sha256 \"\""},
                      Broken{"SizeNegative", kSum, "-4096", kSum, "-4096"},
                      Broken{"SizeText", kSum, "\"4096\"", kSum, "size"},
                      Broken{"OfNumber", "1", "4096", kSum, "of is no text"},
                      Broken{"OfEmpty", "\"\"", "4096", kSum, "of \"\""},
                      Broken{"OfShort", "\"abcd\"", "4096", kSum, "of \"abcd\""},
                      Broken{"SumsInCapitals", kSum, "4096", '"' + std::string(64, 'A') + '"',
                             "64 lower-case hex digits"},
                      Broken{"SumsOdd", kSum, "4096", '"' + std::string(65, 'a') + '"',
                             "64 lower-case hex digits"},
                      Broken{"SumsList", kSum, "4096", "[]", "sha256 is no text"}),
    [](const auto& given) { return given.param.name; });

}  // namespace
}  // namespace patchbay::artifact_tool
