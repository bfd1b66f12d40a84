#include "core/fleet/backoff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace patchbay::fleet {
namespace {

using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

/// All waits until it gives up.
std::vector<long> waits(Backoff backoff) {
  std::vector<long> all;
  while (const auto wait = backoff.next())
    all.push_back(static_cast<long>(wait->count()));
  return all;
}

TEST(Backoff, GivenTheUsualFiveMinutes_WhenEverythingFails_ThenEachWaitComesThreeTimes) {
  EXPECT_THAT(waits(Backoff{seconds{300}, 0}),
              ElementsAre(60, 60, 60, 120, 120, 120, 240, 240, 240, 300, 300, 300));
}

TEST(Backoff, GivenAMinute_WhenEverythingFails_ThenThreeRetriesAreAll) {
  EXPECT_THAT(waits(Backoff{seconds{60}, 0}), ElementsAre(60, 60, 60));
}

TEST(Backoff, GivenANumberOfRetries_WhenEverythingFails_ThenThatManyAreMade) {
  EXPECT_THAT(waits(Backoff{seconds{120}, 8}), ElementsAre(60, 60, 60, 120, 120, 120, 120, 120));
  EXPECT_THAT(waits(Backoff{seconds{300}, 2}), ElementsAre(60, 60));
}

TEST(Backoff, GivenLessThanAMinute_WhenEverythingFails_ThenThatIsTheOnlyWait) {
  EXPECT_THAT(waits(Backoff{seconds{5}, 0}), ElementsAre(5, 5, 5));
  EXPECT_THAT(waits(Backoff{seconds{0}, 4}), ElementsAre(1, 1, 1, 1));
}

TEST(Backoff, GivenTheLongestThereIs_WhenEverythingFails_ThenItEnds) {
  EXPECT_THAT(waits(Backoff{seconds{0x7FFFFFFF}, 0}), SizeIs(81));
}

TEST(Backoff, GivenFailures_WhenItHasWorked_ThenItBeginsAnew) {
  Backoff backoff{seconds{300}, 0};
  for (int i = 0; i < 7; ++i)
    static_cast<void>(backoff.next());
  backoff.reset();
  EXPECT_EQ(backoff.next(), seconds{60});
}

}  // namespace
}  // namespace patchbay::fleet
