#include <gmock/gmock.h>

#include <cstdlib>

#include "modules/bootloader/loader_rig.hpp"
#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

// The same program, unchanged, under the client that the protocol comes from.
class BootloaderUnderMender : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = LoaderRig::missing(); !why.empty()) GTEST_SKIP() << why;
    rig_ = std::make_unique<LoaderRig>(LoaderKind::bytes);
    before_ = rig_->device();
    write_text(*rig_ / "u-boot.bin", LoaderRig::loader("new"));
    // That client takes its configuration from /etc/mender, and so does the module.
    device_ = std::make_unique<MenderDevice>(PATCHBAY_MODULE_PROGRAM, "bootloader");
    ::setenv("MENDER_CONF_DIR", (*rig_ / "etc").c_str(), 1);
    device_->write_artifact("bootloader", {*rig_ / "u-boot.bin"});
    const auto installed = device_->mender("install " + device_->artifact());
    ASSERT_EQ(installed.exit_code, 0) << installed.out;
    ASSERT_EQ(rig_->starts(), "new");
    rig_->reboot();
  }
  void TearDown() override { ::unsetenv("MENDER_CONF_DIR"); }

  std::unique_ptr<LoaderRig> rig_;
  std::unique_ptr<MenderDevice> device_;
  std::string before_;
};

TEST_F(BootloaderUnderMender, GivenInstalled_WhenCommitted_ThenNewLoaderStays) {
  const auto committed = device_->mender("commit");
  EXPECT_EQ(committed.exit_code, 0) << committed.out;
  EXPECT_EQ(rig_->starts(), "new");
}

TEST_F(BootloaderUnderMender, GivenInstalled_WhenRolledBack_ThenAllIsAsBefore) {
  const auto back = device_->mender("rollback");
  EXPECT_EQ(back.exit_code, 0) << back.out;
  EXPECT_TRUE(rig_->device() == before_);
}

}  // namespace
}  // namespace patchbay::testing
