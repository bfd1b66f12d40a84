#include "core/host/progress_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using testing::CollectingProgress;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ProgressParser, GivenReports_WhenFed_ThenTheyArePassedOn) {
  CollectingProgress seen;
  ProgressParser parser{&seen};

  parser.feed("progress 0\nstatus writing slot b\nprogress 100\n");

  EXPECT_THAT(seen.seen, ElementsAre("0", "writing slot b", "100"));
}

TEST(ProgressParser, GivenALineInPieces_WhenFed_ThenItIsPutTogether) {
  CollectingProgress seen;
  ProgressParser parser{&seen};

  for (const char c : std::string_view{"progress 42\nstatus x\nprogress 4"})
    parser.feed({&c, 1});

  EXPECT_THAT(seen.seen, ElementsAre("42", "x"));
}

TEST(ProgressParser, GivenTheWordSkip_WhenFed_ThenItIsKept) {
  for (const auto* text : {"skip", "skip it\n", "status skip\n", "skip \n", "SKIP\n"}) {
    ProgressParser parser{nullptr};
    parser.feed(text);
    EXPECT_FALSE(parser.skip_said()) << text;
  }
  ProgressParser parser{nullptr};
  parser.feed("progress 7\nskip\nstatus x\n");
  EXPECT_TRUE(parser.skip_said());
}

class Ignored : public ::testing::TestWithParam<std::string> {};

TEST_P(Ignored, WhenFed_ThenOnlyTheNextGoodLineIsSeen) {
  CollectingProgress seen;
  ProgressParser parser{&seen};

  parser.feed(GetParam() + "\nprogress 1\n");

  EXPECT_THAT(seen.seen, ElementsAre("1"));
}

INSTANTIATE_TEST_SUITE_P(ProgressParser, Ignored,
                         ::testing::Values("", "progress", "progress ", "progress 101",
                                           "progress -1", "progress +1", "progress 1%",
                                           "progress 1.5", "progress  1", "progress 0x1",
                                           "progress 99999999999999999999", "Progress 1",
                                           "progress 1 ", "progress 1\r", " progress 1", "status",
                                           "percent 1", "\xff\x01\x1b",
                                           "status " + std::string(600, 'x'),
                                           std::string(100'000, 'y'), std::string(3, '\0')));

TEST(ProgressParser, GivenControlCharactersInAStatus_WhenPassedOn_ThenTheyAreHarmless) {
  CollectingProgress seen;
  ProgressParser parser{&seen};

  parser.feed("status \x1b[2Jgone\n");

  ASSERT_EQ(seen.seen.size(), 1U);
  EXPECT_THAT(seen.seen[0], ::testing::Not(::testing::HasSubstr("\x1b")));
}

TEST(ProgressChannel, GivenNobodyAtTheOtherEnd_WhenDrained_ThenTheDescriptorIsGone) {
  CollectingProgress seen;
  auto channel = ProgressChannel::create(&seen).value();
  EXPECT_GE(channel.fd(), 0);

  channel.drain();
  EXPECT_GE(channel.fd(), 0);
  channel.drop_module_end();
  channel.drain();

  EXPECT_EQ(channel.fd(), -1);
  EXPECT_THAT(seen.seen, IsEmpty());
}

}  // namespace
}  // namespace patchbay::host
