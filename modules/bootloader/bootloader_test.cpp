#include <gmock/gmock.h>

#include <filesystem>

#include "modules/bootloader/bootloader_fixture_test.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The life of an update, on every back end.
class Bootloader : public BootloaderBase, public ::testing::WithParamInterface<LoaderKind> {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(GetParam());
    ASSERT_EQ(rig_->starts(), "old");
  }
};

INSTANTIATE_TEST_SUITE_P(On, Bootloader,
                         ::testing::Values(LoaderKind::bytes, LoaderKind::order,
                                           LoaderKind::variable, LoaderKind::command,
                                           LoaderKind::emmc, LoaderKind::flash, LoaderKind::single,
                                           LoaderKind::file),
                         ::testing::PrintToStringParamName());

TEST_P(Bootloader, GivenUpdate_WhenRebootedAndCommitted_ThenNewLoaderStarts) {
  EXPECT_EQ(answer("SupportsRollback"), "Yes\n");
  succeed("Download");
  EXPECT_TRUE(rig_->device() == before_) << "nothing is written before everything is verified";
  succeed("ArtifactInstall");
  EXPECT_EQ(rig_->starts(), "new");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  EXPECT_THAT(fail("ArtifactVerifyReboot"), HasSubstr("reboot first"));
  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("reboot first"));
  rig_->reboot();
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
  const auto committed = rig_->device();
  succeed("Cleanup");
  succeed("Cleanup");

  EXPECT_EQ(rig_->starts(), "new");
  EXPECT_TRUE(rig_->device() == committed);
}

TEST_P(Bootloader, GivenTwoUpdatesOfDifferentSize_ThenTheSecondStarts) {
  update();
  succeed("Cleanup");
  rig_->next_update();
  rig_->payload(LoaderRig::loader("newer", 30000));
  rig_->reboot();
  const auto committed = rig_->device();
  succeed("Download");
  succeed("ArtifactInstall");
  EXPECT_EQ(rig_->starts(), "newer");
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == committed);
  EXPECT_EQ(rig_->starts(), "new");
}

TEST_P(Bootloader, GivenSameLoaderAgain_ThenNothingIsWrittenAndNoRebootIsNeeded) {
  update();
  succeed("Cleanup");
  rig_->next_update();
  const auto committed = rig_->device();
  succeed("Download");
  EXPECT_THAT(rig_->call("ArtifactInstall").err, HasSubstr("nothing was written"));
  EXPECT_TRUE(rig_->device() == committed);
  EXPECT_EQ(answer("NeedsArtifactReboot"), "No\n");
  succeed("ArtifactCommit");
  succeed("ArtifactRollback");
  succeed("Cleanup");
  EXPECT_TRUE(rig_->device() == committed);
}

TEST_P(Bootloader, GivenRollbackBeforeReboot_ThenAllIsAsBeforeAndNoRebootIsNeeded) {
  succeed("Download");
  succeed("ArtifactInstall");
  succeed("ArtifactRollback");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "No\n");
  succeed("ArtifactVerifyRollbackReboot");
  succeed("ArtifactRollback");
  succeed("ArtifactFailure");
  succeed("Cleanup");

  EXPECT_TRUE(rig_->device() == before_);
  EXPECT_EQ(rig_->starts(), "old");
}

TEST_P(Bootloader, GivenRollbackAfterReboot_ThenAllIsAsBeforeAndAnotherRebootIsNeeded) {
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"), HasSubstr("has not been put back"));
  succeed("ArtifactRollback");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  EXPECT_TRUE(rig_->device() == before_);
  EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"), HasSubstr("reboot first"));
  rig_->reboot();
  succeed("ArtifactVerifyRollbackReboot");
}

TEST_P(Bootloader, GivenRollback_WhenSomethingElseLiesThere_ThenTheVerificationSaysSo) {
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  succeed("ArtifactRollback");
  rig_->reboot();
  damage(GetParam());
  EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"),
              HasSubstr("does not have the boot loader of before the update"));
}

// As after a reboot into a new root file system, of another payload, that brings no settings.
TEST_P(Bootloader, GivenNoSettingsAnyMore_WhenRolledBack_ThenThoseOfTheInstallationCount) {
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  const auto settings = rig_->settings();
  std::filesystem::remove(*rig_ / "etc/bootloader.json");
  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("bootloader.json"));
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
  succeed("ArtifactFailure");
  rig_->configure(settings);
  rig_->reboot();
  succeed("ArtifactVerifyRollbackReboot");
  succeed("Cleanup");
  EXPECT_EQ(rig_->starts(), "old");
}

TEST_P(Bootloader, GivenNoSettingsAndAnotherDevice_WhenRolledBack_ThenItIsLeftAlone) {
  succeed("Download");
  succeed("ArtifactInstall");
  damage(GetParam());
  const auto other = rig_->device();
  std::filesystem::remove(*rig_ / "etc/bootloader.json");
  EXPECT_THAT(fail("ArtifactRollback"), HasSubstr("there is no"));
  EXPECT_TRUE(rig_->device() == other);
}

// As after a reboot into a new root file system that says that the loader is on another disk.
class BootloaderElsewhere : public Bootloader {
 protected:
  static constexpr std::size_t kDisk = 4UL * 1024 * 1024;

  [[nodiscard]] std::string settings_for(const std::string& disk) const {
    auto settings = rig_->settings();
    for (std::size_t at = 0; (at = settings.find(rig_->disk() + '"', at)) != std::string::npos;)
      settings.replace(at, rig_->disk().size(), disk);
    return settings;
  }
  // As after a kernel that has given the name of the disk to another.
  void swap_disk(const std::string& content) {
    write_text(*rig_ / "swapped.img", content);
    shell("dd conv=notrunc bs=1M if=" + (*rig_ / "swapped.img") + " of=" + (*rig_ / "disk.img"));
  }
};

INSTANTIATE_TEST_SUITE_P(On, BootloaderElsewhere,
                         ::testing::Values(LoaderKind::bytes, LoaderKind::order,
                                           LoaderKind::variable, LoaderKind::command,
                                           LoaderKind::single),
                         ::testing::PrintToStringParamName());

TEST_P(BootloaderElsewhere, GivenOtherSettings_WhenRolledBack_ThenThoseOfTheInstallationCount) {
  const std::string foreign(kDisk, 'z');
  write_text(*rig_ / "other.img", foreign);
  const LoopDevice other{*rig_ / "other.img"};
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  const auto settings = rig_->settings();
  rig_->configure(settings_for(other.path()));
  fail("ArtifactCommit");

  succeed("ArtifactRollback");

  EXPECT_TRUE(read_text(*rig_ / "other.img") == foreign) << "the other disk was written to";
  EXPECT_TRUE(rig_->device() == before_);
  rig_->configure(settings);
  rig_->reboot();
  succeed("ArtifactVerifyRollbackReboot");
  succeed("Cleanup");
  EXPECT_EQ(rig_->starts(), "old");
}

TEST_P(BootloaderElsewhere, GivenCutsOfTheInstall_WhenRolledBack_ThenOnlyThere) {
  const std::string foreign(kDisk, 'z');
  const unsigned stride = cut_stride(7);
  for (unsigned nth = 1;; nth += stride) {
    make(GetParam());
    write_text(*rig_ / "other.img", foreign);
    const LoopDevice other{*rig_ / "other.img"};
    succeed("Download");
    if (!rig_->tree().call_and_cut("ArtifactInstall", nth).reached) break;
    rig_->reboot();
    rig_->configure(settings_for(other.path()));

    succeed("ArtifactRollback");

    EXPECT_TRUE(read_text(*rig_ / "other.img") == foreign) << "the other disk was written to";
    EXPECT_TRUE(rig_->device() == before_) << "cut " << nth;
  }
}

// One with the loader of before the update is another, too.
TEST_P(BootloaderElsewhere, GivenAnotherDiskInItsPlace_WhenRolledBack_ThenItSaysWhatToDo) {
  const auto disk = read_text(*rig_ / "disk.img");
  const std::string blank(kDisk, '\0');
  const std::string other_content(kDisk, 'z');
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  const auto settings = rig_->settings();
  std::filesystem::remove(*rig_ / "etc/bootloader.json");
  const auto ours = read_text(*rig_ / "disk.img");
  for (const auto& content : {disk, blank, other_content}) {
    swap_disk(content);
    EXPECT_THAT(fail("ArtifactRollback"), HasSubstr("start the system in which the update began"));
    EXPECT_TRUE(read_text(*rig_ / "disk.img") == content) << "another disk was written to";
  }
  swap_disk(ours);
  rig_->configure(settings);
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenRollbackAfterCommit_ThenAllIsAsBefore) {
  update();
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
  EXPECT_EQ(rig_->starts(), "old");
  succeed("Cleanup");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenClientThatNeverAsksForRollback_WhenItCleansUp_ThenAllIsAsBefore) {
  succeed("Download");
  succeed("ArtifactInstall");
  succeed("Cleanup");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenRollbackWithoutInstall_ThenNothingHappens) {
  succeed("ArtifactRollback");
  succeed("Download");
  succeed("ArtifactRollback");
  succeed("ArtifactFailure");
  succeed("Cleanup");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenLoaderThatSomebodyReplaced_WhenCommitted_ThenRefused) {
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  damage(GetParam());
  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("no longer has the boot loader of this update"));
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenPlanAndDescribe_ThenTheyTellAndTouchNothing) {
  EXPECT_THAT(answer("Plan"), HasSubstr("rollback possible"));
  EXPECT_THAT(answer("Describe"),
              AllOf(HasSubstr(R"("type":"bootloader")"), HasSubstr("rollback")));
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenImageLargerThanItsPlace_ThenRefused) {
  if (GetParam() == LoaderKind::file) return;  // has no room of its own
  rig_->payload(LoaderRig::loader("new", LoaderRig::kRoom + 1));
  EXPECT_THAT(refused(), AllOf(HasSubstr("65537 bytes"), HasSubstr("has room for 65536")));
}

TEST_P(Bootloader, GivenNoSpaceForTheOldLoader_ThenRefused) {
  if (GetParam() == LoaderKind::file) return;  // keeps it beside the file
  succeed("Download");
  ASSERT_EQ(shell("mount -t tmpfs -o size=16k full " + (rig_->tree() / "tmp")).exit_code, 0);
  const auto result = rig_->call("ArtifactInstall");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("keep the old content of copy"));
  shell("umount " + (rig_->tree() / "tmp"));
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_P(Bootloader, GivenPayloadThatIsNone_ThenRefused) {
  rig_->payload("this is no loader\n");
  EXPECT_THAT(refused(), HasSubstr("the bytes of its Magic are not at 4"));
  rig_->payload("");
  EXPECT_THAT(refused(), HasSubstr("is empty"));
  rig_->payload(LoaderRig::loader("new"));
  rig_->tree().payload("second", "x");
  EXPECT_THAT(refused(), HasSubstr("the payload has 2 files"));
}

TEST_P(Bootloader, GivenPayloadThatLeadsElsewhere_ThenRefused) {
  const auto image = rig_->tree() / "files/loader.img";
  write_text(*rig_ / "elsewhere", LoaderRig::loader("new"));
  for (const auto& make : {"ln -s " + (*rig_ / "elsewhere") + " " + image, "mkfifo " + image,
                           "mkdir " + image, "mknod " + image + " c 1 5"}) {
    std::filesystem::remove_all(image);
    ASSERT_EQ(shell(make).exit_code, 0) << make;
    EXPECT_THAT(refused(), HasSubstr("loader.img is not a regular file")) << make;
  }
}

TEST_P(Bootloader, GivenImageLargerThanAnyLoader_ThenRefused) {
  std::filesystem::resize_file(rig_->tree() / "files/loader.img", 64UL * 1024 * 1024 + 1);
  EXPECT_THAT(refused(), HasSubstr("no boot loader has more than 64.0 MiB"));
}

}  // namespace
}  // namespace patchbay::testing
