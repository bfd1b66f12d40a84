#include "core/fetch/retry_after.hpp"

#include <gtest/gtest.h>

namespace patchbay::fetch {
namespace {

using std::chrono::seconds;

constexpr const char* kNow = "Sat, 28 Nov 2026 10:00:00 GMT";

struct WaitCase {
  const char* value;
  std::optional<seconds> wait;
};

TEST(RetryAfter, GivenSecondsOrDate_WhenParsed_ThenItIsAWaitWithinBounds) {
  for (const auto& [value, wait] :
       {WaitCase{"0", seconds{0}}, WaitCase{"5", seconds{5}}, WaitCase{"86400", seconds{86400}},
        WaitCase{"86401", seconds{86400}}, WaitCase{"99999999999999999999", seconds{86400}},
        WaitCase{"Sat, 28 Nov 2026 10:01:30 GMT", seconds{90}},
        WaitCase{"Saturday, 28-Nov-26 10:01:30 GMT", seconds{90}},
        WaitCase{"Sat Nov 28 10:01:30 2026", seconds{90}},
        WaitCase{"Sat, 28 Nov 2026 09:59:59 GMT", seconds{0}},
        WaitCase{"Thu, 01 Jan 1970 00:00:00 GMT", seconds{0}},
        WaitCase{"Fri, 31 Dec 9999 23:59:59 GMT", seconds{86400}}}) {
    EXPECT_EQ(parse_retry_after(value, kNow), wait) << value;
  }
}

TEST(RetryAfter, GivenNeither_WhenParsed_ThenThereIsNone) {
  for (const char* value : {"", "soon", "-5", "+5", "1.5", "5 s", "0x10", "Sat, 28 Nov 2026",
                            "Sat, 28 Nov 2026 10:01:30 CET", "Sat, 28 Nov 2026 10:01:30 GMT, 5",
                            "Sat, 40 Nov 2026 10:01:30 GMT", "28 Nov 2026 10:01:30 GMT"})
    EXPECT_EQ(parse_retry_after(value, kNow), std::nullopt) << value;
}

TEST(RetryAfter, GivenNoDateOfTheServer_WhenParsed_ThenTheClockOfTheDeviceCounts) {
  for (const char* date : {"", "garbage"}) {
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", date), seconds{0});
    EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", date), kLongestRetryAfter);
  }
}

}  // namespace
}  // namespace patchbay::fetch
