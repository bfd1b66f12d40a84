#include "core/artifact/trailing_sum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/artifact/ring.hpp"
#include "core/artifact/sources.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using testing::IsOk;
using testing::noise;

struct Pieces {
  std::string name;
  std::vector<std::size_t> sizes;  ///< taken in turn
};

class TrailingSumPieces : public ::testing::TestWithParam<Pieces> {};

TEST_P(TrailingSumPieces, GivenPiecesOfAnySize_WhenFinished_ThenTheSumIsThatOfTheWhole) {
  const std::string text = noise(3 * kMiB + 17);
  const ByteSpan bytes = as_bytes(text);
  for (const auto thread : {TrailingSum::Thread::own, TrailingSum::Thread::callers}) {
    TrailingSum sum{thread};

    ByteSpan left = bytes;
    for (std::size_t turn = 0; !left.empty(); ++turn) {
      const std::size_t size = GetParam().sizes[turn % GetParam().sizes.size()];
      const ByteSpan piece = left.first(std::min(size, left.size()));
      ASSERT_THAT(sum.update(piece), IsOk());
      left = left.subspan(piece.size());
    }
    const auto have = sum.finish();

    ASSERT_THAT(have, IsOk());
    EXPECT_EQ(*have, *sha256(bytes));
  }
}

INSTANTIATE_TEST_SUITE_P(All, TrailingSumPieces,
                         ::testing::Values(Pieces{"Small", {4096}}, Pieces{"Large", {256 * kKiB}},
                                           Pieces{"SmallAndLarge", {100, 256 * kKiB, 1, 64 * kKiB}},
                                           Pieces{"AtOnce", {4 * kMiB}}),
                         [](const auto& row) { return row.param.name; });

TEST(TrailingSum, GivenAFinishedSum_WhenUsedAgain_ThenItStartsAnew) {
  const std::string text = noise(512 * kKiB);
  const ByteSpan bytes = as_bytes(text);
  TrailingSum sum;
  ASSERT_THAT(sum.update(bytes), IsOk());
  ASSERT_THAT(sum.finish(), IsOk());

  ASSERT_THAT(sum.update(bytes.first(100 * kKiB)), IsOk());
  const auto second = sum.finish();
  const auto nothing = sum.finish();

  EXPECT_EQ(*second, *sha256(bytes.first(100 * kKiB)));
  EXPECT_EQ(*nothing, *sha256({}));
}

TEST(TrailingSum, GivenAStreamLargerThanTheRing_WhenReadFromIt_ThenNothingIsOverwrittenTooEarly) {
  const std::string text = noise(8 * Ring::kSlots * Ring::kSlotBytes);
  const ByteSpan bytes = as_bytes(text);
  MemorySource source{bytes};
  auto ring = Ring::start(source);
  ASSERT_THAT(ring, IsOk());
  TrailingSum sum;

  for (;;) {
    const auto piece = (*ring)->peek();
    ASSERT_THAT(piece, IsOk());
    if (piece->empty()) break;
    ASSERT_THAT(sum.update(*piece), IsOk());
    (*ring)->consume(piece->size());
  }

  EXPECT_EQ(*sum.finish(), *sha256(bytes));
}

TEST(TrailingSum, GivenPiecesUnderWay_WhenDestroyed_ThenItsThreadEndsFirst) {
  const std::string text = noise(kMiB);
  const ByteSpan bytes = as_bytes(text);

  for (int turn = 0; turn < 20; ++turn) {
    TrailingSum sum;
    ASSERT_THAT(sum.update(bytes), IsOk());
    ASSERT_THAT(sum.update(bytes), IsOk());
  }
}

}  // namespace
}  // namespace patchbay::artifact
