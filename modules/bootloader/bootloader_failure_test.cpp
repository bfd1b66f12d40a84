#include <gmock/gmock.h>

#include <filesystem>

#include "modules/bootloader/loader_rig.hpp"
#include "tests/support/failing_calls.hpp"

namespace patchbay::testing {
namespace {

using ::testing::HasSubstr;

class BootloaderFailure : public ::testing::TestWithParam<FailingCall> {
 protected:
  void SetUp() override {
    if (const auto why = LoaderRig::missing(); !why.empty()) GTEST_SKIP() << why;
    rig_ = std::make_unique<LoaderRig>(LoaderKind::command);
    before_ = rig_->device();
  }
  void step(const std::string& what) {
    if (what == "reboot") return rig_->reboot();
    const auto result = rig_->call(what);
    EXPECT_EQ(result.exit_code, 0) << what << ": " << result.err;
  }

  std::unique_ptr<LoaderRig> rig_;
  std::string before_;
};

INSTANTIATE_TEST_SUITE_P(In, BootloaderFailure, ::testing::ValuesIn(failing_calls()),
                         ::testing::PrintToStringParamName());

TEST_P(BootloaderFailure, GivenCallThatFails_WhenClientGoesOn_ThenAllOldToTheByteOrAllNew) {
  const auto& row = GetParam();
  for (const auto& what : row.before)
    step(what);
  const auto trouble = *rig_ / ("boot/fails-in-" + row.verb);
  write_text(trouble, "");
  const auto failed = rig_->call(row.state);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr(": " + row.verb + ": "));
  std::filesystem::remove(trouble);
  for (const auto& what : row.after)
    step(what);

  EXPECT_EQ(rig_->starts(), row.is_new ? "new" : "old");
  EXPECT_TRUE(row.is_new || rig_->device() == before_);
}

}  // namespace
}  // namespace patchbay::testing
