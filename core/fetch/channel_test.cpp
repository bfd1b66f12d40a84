#include "core/fetch/channel.hpp"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <thread>

#include "tests/support/result_matchers.hpp"

namespace patchbay::fetch {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;

std::string pull_all(Channel& channel) {
  std::string all;
  std::array<std::byte, 5> buffer{};
  for (;;) {
    const auto got = channel.pull(buffer);
    if (!got || *got == 0) return all;
    all += as_text({buffer.data(), *got});
  }
}

TEST(Channel, GivenMoreThanItHolds_WhenPulled_ThenEveryByteComesInOrder) {
  Channel channel{7};
  std::string sent;
  for (int i = 0; i < 1000; ++i)
    sent += std::to_string(i);
  std::jthread writer{[&] {
    channel.push(as_bytes(sent));
    channel.close(Done{});
  }};

  EXPECT_EQ(pull_all(channel), sent);
}

TEST(Channel, GivenFailureAfterBytes_WhenPulled_ThenTheBytesComeFirst) {
  Channel channel{16};
  channel.push(as_bytes("abc"));
  channel.close(Error{ErrorCode::io, "broken"});
  std::array<std::byte, 8> buffer{};

  EXPECT_THAT(channel.pull(buffer), IsOkAnd(3u));
  EXPECT_THAT(channel.pull(buffer), FailsWith(ErrorCode::io, HasSubstr("broken")));
}

TEST(Channel, GivenBlockedWriter_WhenTheReaderLeaves_ThenItIsTold) {
  Channel channel{2};
  Channel::Reader seen = Channel::Reader::listening;
  std::jthread writer{[&] { seen = channel.push(as_bytes("more than two")); }};

  channel.abandon();
  writer.join();

  EXPECT_EQ(seen, Channel::Reader::gone);
}

TEST(Channel, GivenPause_WhenTheReaderLeaves_ThenItEnds) {
  Channel channel{2};
  std::jthread reader{[&] { channel.abandon(); }};

  EXPECT_EQ(channel.pause(std::chrono::hours{24}), Channel::Reader::gone);
}

TEST(Channel, GivenOpened_WhenItFailsAtOnce_ThenOpeningHasStillSucceeded) {
  Channel channel{2};
  channel.open(12);
  channel.close(Error{ErrorCode::io, "broken"});

  EXPECT_THAT(channel.wait_open(), IsOkAnd(::testing::Optional(12u)));
}

TEST(Channel, GivenNeverOpened_WhenClosed_ThenTheFailureIsThatOfOpening) {
  Channel channel{2};
  channel.close(Error{ErrorCode::denied, "no"});

  EXPECT_THAT(channel.wait_open(), FailsWith(ErrorCode::denied, HasSubstr("no")));
}

TEST(Channel, GivenBytesOnEitherSide_WhenSkipped_ThenTheNextOneComesFirst) {
  Channel channel{4};
  std::jthread writer{[&] {
    channel.push(as_bytes("0123456789abcdef"));
    channel.close(Done{});
  }};
  std::array<std::byte, 1> buffer{};

  EXPECT_THAT(channel.pull(buffer), IsOkAnd(1u));
  EXPECT_THAT(channel.skip(0), IsOk());
  EXPECT_THAT(channel.skip(1), IsOk());
  EXPECT_THAT(channel.skip(8), IsOk());

  EXPECT_EQ(pull_all(channel), "abcdef");
}

TEST(Channel, GivenWriterThatLeavesOutWhatIsSkipped_WhenSkipped_ThenItEndsThere) {
  Channel channel{4};
  channel.push(as_bytes("0123"));
  std::jthread writer{[&] {
    while (channel.to_skip() < 1'000'000)
      std::this_thread::yield();
    channel.leave_out(1'000'000);
    channel.push(as_bytes("ab"));
    channel.close(Done{});
  }};

  EXPECT_THAT(channel.skip(1'000'004), IsOk());

  EXPECT_EQ(pull_all(channel), "ab");
}

TEST(Channel, GivenTheEndBeforeThat_WhenSkipped_ThenItIsTruncated) {
  Channel channel{4};
  channel.push(as_bytes("0123"));
  channel.close(Done{});

  EXPECT_THAT(channel.skip(6), FailsWith(ErrorCode::invalid_input, HasSubstr("2 bytes too early")));
}

TEST(Channel, GivenAFailureBeforeThat_WhenSkipped_ThenItIsTheFailure) {
  Channel channel{4};
  std::jthread writer{[&] {
    channel.push(as_bytes("012345"));
    channel.close(Error{ErrorCode::io, "broken"});
  }};

  EXPECT_THAT(channel.skip(6), IsOk());
  EXPECT_THAT(channel.skip(6), FailsWith(ErrorCode::io, HasSubstr("broken")));
  EXPECT_EQ(channel.to_skip(), 6u);
}

}  // namespace
}  // namespace patchbay::fetch
