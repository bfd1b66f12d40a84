#include "core/base/clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace patchbay {
namespace {

using std::chrono::milliseconds;

TEST(Deadline, GivenNever_ThenPollWaitsForEver) {
  EXPECT_EQ(Deadline::never().poll_timeout(), -1);
  EXPECT_FALSE(Deadline::never().passed());
}

TEST(Deadline, GivenPast_ThenPassedAndNoWait) {
  const Deadline deadline = Deadline::after(milliseconds{-5});
  EXPECT_TRUE(deadline.passed());
  EXPECT_EQ(deadline.poll_timeout(), 0);
}

TEST(Deadline, GivenFuture_ThenTimeLeftIsRoundedUp) {
  const int left = Deadline::after(milliseconds{10'000}).poll_timeout();
  EXPECT_GT(left, 9'000);
  EXPECT_LE(left, 10'000);
}

TEST(Deadline, GivenTwo_ThenMinIsTheEarlier) {
  const Deadline soon = Deadline::after(milliseconds{-1});
  EXPECT_TRUE(soon.min(Deadline::never()).passed());
  EXPECT_TRUE(Deadline::never().min(soon).passed());
  EXPECT_FALSE(Deadline::never().min(Deadline::after(milliseconds{60'000})).passed());
}

TEST(Clock, WhenToldAsText_ThenItIsUtcAsRfc3339HasIt) {
  EXPECT_THAT(utc_now(), ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_THAT(utc_now_milliseconds(), ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
}

}  // namespace
}  // namespace patchbay
