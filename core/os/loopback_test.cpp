#include "core/os/loopback.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <array>
#include <string>

#include "core/os/event.hpp"
#include "core/os/loopback_test_support.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::os {
namespace {

using testing::IsOk;
using testing::IsOkAnd;

class LoopbackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = LoopbackListener::open();
    ASSERT_THAT(listener, IsOk());
    near_ = connect_to_loopback(listener->port());
    ASSERT_TRUE(is_ready(listener->fd(), POLLIN, kPatience_ms));
    auto far = listener->accept();
    ASSERT_THAT(far, IsOk());
    ASSERT_TRUE(*far);
    far_ = **std::move(far);
    EXPECT_THAT(listener->accept(), IsOk());
    EXPECT_FALSE(*listener->accept()) << "nobody else is there";
  }

  UniqueFd near_;
  UniqueFd far_;
  std::array<std::byte, 100> buffer_{};
};

TEST_F(LoopbackTest, GivenConnection_WhenBytesAreSent_ThenTheOtherSideGetsThem) {
  EXPECT_THAT(receive(far_.get(), buffer_), IsOkAnd(std::nullopt));

  ASSERT_THAT(send(near_.get(), as_bytes("hello")), IsOkAnd(5u));
  ASSERT_TRUE(is_ready(far_.get(), POLLIN, kPatience_ms));

  EXPECT_THAT(receive(far_.get(), buffer_), IsOkAnd(5u));
  EXPECT_EQ(as_text(std::span{buffer_}.first(5)), "hello");
}

TEST_F(LoopbackTest, GivenSideThatHasEnded_WhenTheOtherSends_ThenItStillArrives) {
  end_sending(near_.get());
  ASSERT_TRUE(is_ready(far_.get(), POLLIN, kPatience_ms));
  EXPECT_THAT(receive(far_.get(), buffer_), IsOkAnd(0u));

  ASSERT_THAT(send(far_.get(), as_bytes("answer")), IsOkAnd(6u));
  ASSERT_TRUE(is_ready(near_.get(), POLLIN, kPatience_ms));
  EXPECT_THAT(receive(near_.get(), buffer_), IsOkAnd(6u));
}

TEST_F(LoopbackTest, GivenSideThatDoesNotReceive_WhenSentTo_ThenItTakesNoMoreAtSomePoint) {
  const std::string bytes(100'000, 'x');
  Result<std::size_t> taken = send(near_.get(), as_bytes(bytes));
  for (int i = 0; i < 10'000 && taken && *taken > 0; ++i)
    taken = send(near_.get(), as_bytes(bytes));

  EXPECT_THAT(taken, IsOkAnd(0u));
}

TEST_F(LoopbackTest, GivenSideThatHasGone_WhenSentTo_ThenThatIsAnErrorAndNoSignal) {
  far_.reset();
  Result<std::size_t> taken = send(near_.get(), as_bytes("x"));
  for (int i = 0; i < 10'000 && taken; ++i)
    taken = send(near_.get(), as_bytes("x"));

  EXPECT_FALSE(taken);
}

TEST(Event, GivenEvent_WhenSet_ThenItIsSeenAndStaysSo) {
  const auto event = Event::create();
  ASSERT_THAT(event, IsOk());
  EXPECT_FALSE(is_ready(event->fd(), POLLIN, 0));
  EXPECT_FALSE(event->has_happened());

  event->set();
  event->set();

  EXPECT_TRUE(event->has_happened());
  EXPECT_TRUE(is_ready(event->fd(), POLLIN, 0));
}

}  // namespace
}  // namespace patchbay::os
