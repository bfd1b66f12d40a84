#include "core/fleet/timer.hpp"

#include <gtest/gtest.h>

namespace patchbay::fleet {
namespace {

using std::chrono::seconds;

class TimerTest : public ::testing::Test {
 protected:
  Timer::Clock::time_point now_ = Timer::Clock::time_point{} + std::chrono::hours{100};
  double spread_ = 0;
  Timer timer_{{seconds{1000}, seconds{300}, 0}, [this] { return spread_; }};
};

TEST_F(TimerTest, GivenANewTimer_WhenAsked_ThenItIsDue) {
  EXPECT_TRUE(timer_.is_due(now_));
}

TEST_F(TimerTest, GivenItWasDone_WhenTimePasses_ThenItIsDueAfterTheInterval) {
  timer_.begin(now_);
  EXPECT_FALSE(timer_.is_due(now_ + seconds{999}));
  EXPECT_TRUE(timer_.is_due(now_ + seconds{1000}));
}

TEST_F(TimerTest, GivenASpread_WhenItWasDone_ThenTheIntervalDiffersByATenthAtMost) {
  spread_ = 1;
  timer_.begin(now_);
  EXPECT_EQ(timer_.due(), now_ + seconds{1100});
  spread_ = -1;
  timer_.begin(now_);
  EXPECT_EQ(timer_.due(), now_ + seconds{900});
}

TEST_F(TimerTest, GivenAFailure_WhenItIsRepeated_ThenTheWaitsAreThoseOfTheBackoff) {
  timer_.begin(now_);
  timer_.failed(now_, std::nullopt);
  EXPECT_EQ(timer_.due(), now_ + seconds{60});
  for (int i = 0; i < 3; ++i)
    timer_.failed(now_, std::nullopt);
  EXPECT_EQ(timer_.due(), now_ + seconds{120});
  timer_.worked();
  timer_.failed(now_, std::nullopt);
  EXPECT_EQ(timer_.due(), now_ + seconds{60});
}

TEST_F(TimerTest, GivenTheServerAsksForAWait_WhenItFailed_ThenThatHolds_AndNoRetryIsUsed) {
  timer_.begin(now_);
  for (int i = 0; i < 20; ++i)
    timer_.failed(now_, seconds{7});
  EXPECT_EQ(timer_.due(), now_ + seconds{7});
  timer_.failed(now_, std::nullopt);
  EXPECT_EQ(timer_.due(), now_ + seconds{60});
}

TEST_F(TimerTest, GivenAllRetriesAreUsedUp_WhenItFailsAgain_ThenTheIntervalGoesOn) {
  for (int i = 0; i < 12; ++i)
    EXPECT_TRUE(timer_.failed(now_, std::nullopt));
  timer_.begin(now_);
  EXPECT_FALSE(timer_.failed(now_, std::nullopt));
  EXPECT_EQ(timer_.due(), now_ + seconds{1000});
}

TEST_F(TimerTest, GivenSomebodyAsks_WhenItWasNotDue_ThenItIs_AndNothingIsPutOff) {
  timer_.begin(now_);
  timer_.pull(now_ + seconds{5});
  EXPECT_EQ(timer_.due(), now_ + seconds{5});
  timer_.pull(now_ + seconds{50});
  EXPECT_EQ(timer_.due(), now_ + seconds{5});
}

TEST(TimerOfZero, GivenAnIntervalOfZero_WhenItWasDone_ThenASecondPasses) {
  Timer timer{{seconds{0}, seconds{300}, 0}, [] { return 0.0; }};
  const auto now = Timer::Clock::now();
  timer.begin(now);
  EXPECT_EQ(timer.due(), now + seconds{1});
}

}  // namespace
}  // namespace patchbay::fleet
