#include <gmock/gmock.h>

#include <filesystem>

#include "modules/rootfs-image/board_rig.hpp"
#include "tests/support/failing_calls.hpp"

namespace patchbay::testing {
namespace {

using ::testing::HasSubstr;

class RootfsImageFailure : public ::testing::TestWithParam<FailingCall> {
 protected:
  void SetUp() override {
    if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why;
    board_ = std::make_unique<TestBoard>(BootKind::command);
    fresh_ = board_->image("the new system");
  }
  CallResult call(const std::string& state) {
    return state == "Download" ? board_->download(fresh_) : board_->call(state);
  }
  void step(const std::string& what) {
    if (what == "reboot") {
      board_->reboot();
      return;
    }
    const auto result = call(what);
    EXPECT_EQ(result.exit_code, 0) << what << ": " << result.err;
  }

  std::unique_ptr<TestBoard> board_;
  std::string fresh_;
};

INSTANTIATE_TEST_SUITE_P(In, RootfsImageFailure,
                         ::testing::ValuesIn(failing_calls().begin(), failing_calls().end()),
                         ::testing::PrintToStringParamName());

TEST_P(RootfsImageFailure, GivenCallThatFails_WhenClientGoesOn_ThenOneSlotIsBootedForGood) {
  const auto& row = GetParam();
  const auto old = board_->content('A');
  for (const auto& what : row.before)
    step(what);
  const auto trouble = *board_ / ("boot/fails-in-" + row.verb);
  write_text(trouble, "");
  const auto failed = call(row.state);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr(": " + row.verb + ": "));
  std::filesystem::remove(trouble);
  for (const auto& what : row.after)
    step(what);

  EXPECT_EQ(board_->boot(), row.is_new ? "B" : "A");
  EXPECT_TRUE(board_->content('A') == old);
  EXPECT_EQ(board_->reboot(), row.is_new ? 'B' : 'A');
}

}  // namespace
}  // namespace patchbay::testing
