#include <gmock/gmock.h>
#include <sys/mount.h>

#include "tests/support/module_tree_cuts.hpp"
#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Reboot : public ::testing::Test {
 protected:
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "reboot"};
};

TEST_F(Reboot, GivenAnotherBoot_WhenVerified_ThenFine) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
  const TempDir place;
  write_text(place / "boot", "another-boot\n");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "Automatic\n");
  ASSERT_EQ(::mount((place / "boot").c_str(), kBootId, nullptr, MS_BIND, nullptr), 0);

  const auto verified = tree_.call("ArtifactVerifyReboot");
  ::umount(kBootId);

  EXPECT_EQ(verified.exit_code, 0) << verified.err;
}

// The older module of this name has no such state: whatever happened was success.
TEST_F(Reboot, GivenTheSameBoot_WhenVerified_ThenFails) {
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  const auto verified = tree_.call("ArtifactVerifyReboot");

  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.err, HasSubstr("the machine has not rebooted"));
}

TEST_F(Reboot, GivenVerifyWithoutInstall_ThenFails) {
  EXPECT_THAT(tree_.call("ArtifactVerifyReboot").err, HasSubstr("which boot came before"));
}

TEST_F(Reboot, GivenRollback_ThenNoSecondReboot) {
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(tree_.call("SupportsRollback").out, "Yes\n");
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);

  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "No\n");
  EXPECT_EQ(tree_.call("Cleanup").exit_code, 0);
}

TEST_F(Reboot, GivenAFile_ThenRefused) {
  tree_.payload("x", "");

  EXPECT_THAT(tree_.call("ArtifactInstall").err, HasSubstr("the payload has a file 'x'"));
}

TEST_F(Reboot, GivenCutAnywhereInInstall_WhenRolledBack_ThenNothingIsLeftToDo) {
  for (unsigned nth = 1;; ++nth) {
    ModuleTree tree{PATCHBAY_MODULE_PROGRAM, "reboot"};
    const auto cut = tree.call_and_cut("ArtifactInstall", nth);
    EXPECT_EQ(tree.call("ArtifactRollback").exit_code, 0) << cut.call << " " << cut.subject;
    EXPECT_EQ(tree.call("NeedsArtifactReboot").out, "No\n") << cut.call << " " << cut.subject;
    EXPECT_EQ(tree.call("Cleanup").exit_code, 0);
    if (!cut.reached) break;
  }
}

TEST_F(Reboot, GivenQuestions_ThenTheyAreAnswered) {
  EXPECT_THAT(tree_.call("Describe").out, HasSubstr(R"("reboot":"always")"));
  EXPECT_EQ(tree_.call("Plan").out, "reboot the machine\n");
}

// The same program, unchanged, under the client that the protocol comes from.
TEST_F(Reboot, GivenDebiansMenderClient_WhenInstalled_ThenRebootIsAskedFor) {
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "reboot"};
  device.write_artifact("reboot", {});

  const auto installed = device.mender("install --reboot-exit-code " + device.artifact());
  ASSERT_EQ(installed.exit_code, 4) << installed.out;
  const auto committed = device.mender("commit");

  EXPECT_EQ(committed.exit_code, 0) << committed.out;
}

}  // namespace
}  // namespace patchbay::testing
