#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "modules/bootloader/bootloader_fixture_test.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What artifact and settings may say, and what they may not.
class BootloaderRequest : public BootloaderBase {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(LoaderKind::bytes);
  }
};

TEST_F(BootloaderRequest, GivenBadMetaData_ThenKeyIsNamed) {
  for (const auto& [json, message] : std::map<std::string, std::string>{
           {"[]", "not a JSON object"},
           {"{", "not valid JSON"},
           {R"({"accept-single-copy": true})", "there is no key 'accept-single-copy'"},
           {R"({"accept-single-copy-risk": "yes"})", "has to be true or false"},
           {R"({"area": "../../etc/passwd"})", "there is no area '../../etc/passwd'"},
           {R"({"area": 7})", "area has to be a text"},
           {R"({"reboot": "later"})", "it can be automatic or never"},
           {R"({"images": {"A": "x"}})", "a payload file for A and one for B"},
           {R"({"images": {"A": "../x", "B": "loader.img"}})", "the payload has 1 files"},
           {R"({"version": "2"})", "names no VersionFile"},
           {R"({"sha256": "00"})", "but the meta-data says 00"}}) {
    rig_->meta_data(json);
    EXPECT_THAT(refused(), HasSubstr(message)) << json;
  }
}

TEST_F(BootloaderRequest, GivenBadSettings_ThenFileAndKeyAreNamed) {
  const auto good = rig_->settings();
  const auto with = [&](const std::string& from, const std::string& to) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const auto& [json, message] : std::map<std::string, std::string>{
           {"{", "is not valid JSON"},
           {"{}", "lacks the key Areas"},
           {R"({"Areas": {}})", "Areas is empty"},
           {with("\"raw\"", "\"tape\""), "Kind is 'tape'; it can be raw, emmc, mtd, file"},
           {with("8192", "-1"), "Offset is -1"},
           {with("8192", "18446744073709551615"), "do not lie on"},
           {with("8192", "99999999999999999999999"), "has to be a whole number"},
           {with("8192", "8200"), "is not where a sector"},
           {with("8192", "8192.5"), "has to be a whole number"},
           {with("8192", "1048576"), "overlap the partition"},
           {with("139264", "16384"), "both copies are in the same place"},
           {with("65536", "0"), "Size is 0"},
           {with("65536", "99999999999"), "Size is 99999999999"},
           {with("4188", "8300"), "lies within a copy"},
           {with("4188", "4607"), "crosses the end of a sector"},
           {with("\"0200\"", "\"0100\""), "A and B are the same"},
           {with("\"0200\"", "\"02\""), "the same length"},
           {with("\"0200\"", "\"zz\""), "lower-case hex"},
           {with("\"0100\"", "\"0300\""), "has neither the bytes of A nor those of B"},
           {with("\"By\": \"bytes\"", "\"By\": \"fuse\""), "By is 'fuse'"},
           {with("\"Magic\"", "\"Magick\""), "there is no key 'Magick'"}}) {
    rig_->configure(json);
    EXPECT_THAT(refused(), HasSubstr(message)) << json;
  }
  std::filesystem::remove(*rig_ / "etc/bootloader.json");
  EXPECT_THAT(refused(), HasSubstr("there is no " + (*rig_ / "etc/bootloader.json")));
}

TEST_F(BootloaderRequest, GivenDeviceThatIsNone_ThenRefusedAndNothingIsMade) {
  for (const std::string device : {"/dev/mmcblk9", "/dev/null", "/proc/version", "/"}) {
    rig_->configure(R"({"Areas": {"x": {"Kind": "raw", "Copies": [{"Device": ")" + device +
                    R"(", "Size": 4096}]}}})");
    rig_->meta_data(R"({"accept-single-copy-risk": true})");
    EXPECT_THAT(refused(), HasSubstr(device));
  }
  EXPECT_FALSE(std::filesystem::exists("/dev/mmcblk9"));
}

TEST_F(BootloaderRequest, GivenMountedTarget_ThenRefusedWithThePlace) {
  write_text(*rig_ / "fs.img", std::string(1024UL * 1024, '\0'));
  ASSERT_EQ(shell("mke2fs -q " + (*rig_ / "fs.img")).exit_code, 0);
  const LoopDevice device{*rig_ / "fs.img"};
  std::filesystem::create_directory(*rig_ / "mnt");
  ASSERT_EQ(shell("mount -t ext4 " + device.path() + " " + (*rig_ / "mnt")).exit_code, 0);
  rig_->configure(R"({"Areas": {"x": {"Kind": "raw", "Copies": [{"Device": ")" + device.path() +
                  R"(", "Size": 4096}]}}})");
  rig_->meta_data(R"({"accept-single-copy-risk": true})");
  EXPECT_THAT(refused(), HasSubstr("is in use: it is mounted at " + (*rig_ / "mnt")));
  shell("umount " + (*rig_ / "mnt"));
}

TEST_F(BootloaderRequest, GivenPartitionBesideThatIsMounted_ThenInstalledAllTheSame) {
  const auto disk = shell("losetup -j " + (*rig_ / "disk.img")).out;
  const auto partition = disk.substr(0, disk.find(':')) + "p1";
  if (!std::filesystem::exists(partition)) GTEST_SKIP() << "no partitions on loop devices here";
  ASSERT_EQ(shell("mke2fs -q " + partition).exit_code, 0);
  std::filesystem::create_directory(*rig_ / "mnt");
  ASSERT_EQ(shell("mount -t ext4 " + partition + " " + (*rig_ / "mnt")).exit_code, 0);
  update();
  EXPECT_EQ(rig_->starts(), "new");
  shell("umount " + (*rig_ / "mnt"));
}

TEST_F(BootloaderRequest, GivenImageForEachCopy_ThenTheOneForTheCopyIsWritten) {
  rig_->tree().payload("loader.img", LoaderRig::loader("forA"));
  rig_->tree().payload("loader-b.img", LoaderRig::loader("forB"));
  rig_->meta_data(R"({"images": {"A": "loader.img", "B": "loader-b.img"}})");
  update();
  EXPECT_EQ(rig_->starts(), "forB");
}

TEST_F(BootloaderRequest, GivenVersionToLookFor_WhenAnotherOneRuns_ThenCommitFails) {
  auto json = rig_->settings();
  json.replace(json.find("\"Magic\""), 0, R"("VersionFile": ")" + (*rig_ / "version") + "\", ");
  rig_->configure(json);
  rig_->meta_data(R"({"version": "2024.04"})");
  write_text(*rig_ / "version", "U-Boot 2023.01");
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->reboot();
  EXPECT_THAT(fail("ArtifactVerifyReboot"), HasSubstr("says 'U-Boot 2023.01'"));
  write_text(*rig_ / "version", "U-Boot 2024.04");
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
}

TEST_F(BootloaderRequest, GivenVersionToLookFor_WhenItStillRunsAfterRollback_ThenSaidSo) {
  auto json = rig_->settings();
  json.replace(json.find("\"Magic\""), 0, R"("VersionFile": ")" + (*rig_ / "version") + "\", ");
  rig_->configure(json);
  rig_->meta_data(R"({"version": "2024.04"})");
  for (const std::string before : {"U-Boot 2023.01", "U-Boot 2024.04"}) {
    write_text(*rig_ / "version", before);
    succeed("Download");
    succeed("ArtifactInstall");
    rig_->reboot();
    succeed("ArtifactRollback");
    rig_->reboot();
    write_text(*rig_ / "version", "U-Boot 2024.04");
    // What ran before as well tells nothing.
    const bool told = before != "U-Boot 2024.04";
    const auto result = rig_->call("ArtifactVerifyRollbackReboot");
    EXPECT_EQ(result.exit_code, told ? 1 : 0) << result.err;
    EXPECT_EQ(result.err.find("the new boot loader still runs") != std::string::npos, told);
    succeed("Cleanup");
    rig_->next_update();
  }
}

TEST_F(BootloaderRequest, GivenRollback_WhenTheNewCopyIsSelectedAllTheSame_ThenSaidSo) {
  for (const auto kind : {LoaderKind::bytes, LoaderKind::command, LoaderKind::variable}) {
    make(kind);
    succeed("Download");
    succeed("ArtifactInstall");
    rig_->reboot();
    succeed("ArtifactRollback");
    rig_->reboot();
    succeed("ArtifactVerifyRollbackReboot");
    rig_->select('B');
    EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"),
                AllOf(HasSubstr("the machine starts copy B"), HasSubstr("instead of copy A")));
  }
}

TEST_F(BootloaderRequest, GivenRollback_WhenStillOnTrial_ThenSaidSo) {
  make(LoaderKind::variable);
  succeed("Download");
  succeed("ArtifactInstall");
  succeed("ArtifactRollback");
  rig_->set_variable("loader_trial", "1");
  EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"), HasSubstr("is on trial"));
}

// As U-Boot's bootcount, which gives a trial up that was started too often.
TEST_F(BootloaderRequest, GivenCounterOfStarts_ThenEachTrialBeginsAndEndsWithZero) {
  for (const std::string end : {"ArtifactCommit", "ArtifactRollback", "Cleanup"}) {
    make(LoaderKind::variable);
    auto json = rig_->settings();
    rig_->configure(json.insert(json.find(R"("FwEnvConfig")"), R"("Counter": "loader_count", )"));
    rig_->set_variable("loader_count", "7");
    succeed("Download");
    EXPECT_EQ(rig_->variable("loader_count"), "7") << "nothing is written before the install";
    succeed("ArtifactInstall");
    EXPECT_EQ(rig_->variable("loader_count"), "0");
    EXPECT_EQ(rig_->variable("loader_trial"), "1");
    rig_->set_variable("loader_count", "1");
    rig_->reboot();
    succeed(end);
    EXPECT_EQ(rig_->variable("loader_count"), "0") << end;
    EXPECT_EQ(rig_->variable("loader_trial"), "0") << end;
    EXPECT_EQ(rig_->starts(), end == "ArtifactCommit" ? "new" : "old");
  }
}

TEST_F(BootloaderRequest, GivenCounterThatCannotBeMeant_ThenRefused) {
  make(LoaderKind::variable);
  const auto good = rig_->settings();
  for (const auto& [keys, message] : std::map<std::string, std::string>{
           {R"("Counter": "count")", "a Counter needs a Trial"},
           {R"("Trial": "trial", "Counter": "loader")", "have to be different variables"},
           {R"("Trial": "same", "Counter": "same")", "have to be different variables"},
           {R"("Trial": "trial", "Counter": 3)", "Counter has to be a text"}}) {
    auto json = good;
    constexpr std::string_view kTrial = R"("Trial": "loader_trial")";
    rig_->configure(json.replace(json.find(kTrial), kTrial.size(), keys));
    EXPECT_THAT(refused(), HasSubstr(message)) << keys;
  }
}

TEST_F(BootloaderRequest, GivenImagesWithPathsForNames_ThenRefused) {
  rig_->tree().payload("second", LoaderRig::loader("new"));
  for (const std::string name : {"../meta-data", "/etc/passwd", "files/second"}) {
    rig_->meta_data(R"({"images": {"A": "loader.img", "B": ")" + name + "\"}}");
    EXPECT_THAT(refused(), HasSubstr("the payload has no file '" + name + "'"));
  }
  rig_->meta_data(R"({"images": {"A": "loader.img", "B": ".."}})");
  EXPECT_THAT(refused(), HasSubstr("/.. is not a regular file"));
}

TEST_F(BootloaderRequest, GivenDiskWithSectorsOf4096Bytes_ThenInstalledAndPutBack) {
  for (const auto kind : {LoaderKind::bytes, LoaderKind::order, LoaderKind::variable}) {
    rig_ = std::make_unique<LoaderRig>(kind, 4096U);
    before_ = rig_->device();
    update();
    EXPECT_EQ(rig_->starts(), "new");
    succeed("ArtifactRollback");
    EXPECT_TRUE(rig_->device() == before_);
  }
  rig_ = std::make_unique<LoaderRig>(LoaderKind::bytes, 4096U);
  before_ = rig_->device();
  auto json = rig_->settings();
  rig_->configure(json.replace(json.find("8192"), 4, "8704"));
  EXPECT_THAT(refused(), HasSubstr("is not where a sector of 4096 bytes begins"));
}

TEST_F(BootloaderRequest, GivenDiskThatTakesNoWrites_ThenInstallFailsAndNothingHasChanged) {
  succeed("Download");
  ASSERT_EQ(shell("blockdev --setro " + rig_->disk()).exit_code, 0);
  EXPECT_THAT(fail("ArtifactInstall"), HasSubstr(rig_->disk()));
  ASSERT_EQ(shell("blockdev --setrw " + rig_->disk()).exit_code, 0);
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_F(BootloaderRequest, GivenFlashThatIsWornOut_ThenNoticedAndPutBackAsSoonAsItCanBe) {
  make(LoaderKind::flash);
  succeed("Download");
  write_text(*rig_ / "worn", "");
  EXPECT_THAT(fail("ArtifactInstall"),
              AllOf(HasSubstr("does not come back from there; is the flash worn out?"),
                    HasSubstr("could not be undone yet")));
  std::filesystem::remove(*rig_ / "worn");
  succeed("ArtifactRollback");
  EXPECT_TRUE(rig_->device() == before_);
}

TEST_F(BootloaderRequest, GivenDamagedBackup_WhenRolledBack_ThenOldCopyStartsAndThatIsNoSuccess) {
  succeed("Download");
  succeed("ArtifactInstall");
  shell("printf broken | dd conv=notrunc of=" + (rig_->tree() / "tmp/old-loader-B"));
  EXPECT_THAT(fail("ArtifactRollback"), HasSubstr("is damaged"));
  EXPECT_EQ(rig_->starts(), "old");
}

TEST_F(BootloaderRequest, GivenFullBootPartition_ThenRefusedBeforeAnythingIsTouched) {
  make(LoaderKind::file);
  const auto top = *rig_ / "esp";
  ASSERT_EQ(shell("cp -a " + top + " " + top + "2 && mount -t tmpfs -o size=100k full " + top +
                  " && cp -a " + top + "2/. " + top)
                .exit_code,
            0);
  EXPECT_THAT(refused(), HasSubstr("free"));
  shell("umount " + top);
}

TEST_F(BootloaderRequest, GivenMachineThatWentBack_WhenCommitted_ThenSaidSo) {
  succeed("Download");
  succeed("ArtifactInstall");
  shell(R"(printf '\001' | dd conv=notrunc bs=1 seek=4188 of=)" + (*rig_ / "disk.img"));
  rig_->reboot();
  EXPECT_THAT(fail("ArtifactCommit"),
              HasSubstr("did not start: the machine has gone back to copy A"));
}

TEST_F(BootloaderRequest, GivenSingleCopy_ThenRefusedUnlessTheRiskIsTaken) {
  make(LoaderKind::single);
  rig_->meta_data("{}");
  EXPECT_THAT(refused(), AllOf(HasSubstr("only one copy"), HasSubstr("accept-single-copy-risk")));
}

TEST_F(BootloaderRequest, GivenNoReboot_ThenCommittedAtOnce) {
  rig_->meta_data(R"({"reboot": "never"})");
  succeed("Download");
  succeed("ArtifactInstall");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "No\n");
  succeed("ArtifactCommit");
}

TEST_F(BootloaderRequest, GivenTrialThatIsNotOver_ThenNextUpdateIsRefused) {
  make(LoaderKind::variable);
  succeed("Download");
  succeed("ArtifactInstall");
  rig_->next_update();
  before_ = rig_->device();
  EXPECT_THAT(refused(), HasSubstr("is still on trial"));
}

TEST_F(BootloaderRequest, GivenMissingTool_ThenNamed) {
  make(LoaderKind::variable);
  rig_->tree().variable("PATH", *rig_ / "empty");
  EXPECT_THAT(refused(), HasSubstr("the program fw_printenv is missing"));
}

TEST_F(BootloaderRequest, GivenNoSuchHardware_ThenSaidSo) {
  make(LoaderKind::emmc);
  rig_->tree().variable("LD_PRELOAD", "");
  EXPECT_THAT(refused(), HasSubstr("is no hardware boot partition"));
  make(LoaderKind::flash);
  rig_->tree().variable("LD_PRELOAD", "");
  EXPECT_THAT(refused(), HasSubstr("does not answer as an MTD device"));
}

TEST_F(BootloaderRequest, GivenEmmcUpdate_ThenOnlyBootPartitionBitsChangeAndTheLockIsBack) {
  make(LoaderKind::emmc);
  update();
  EXPECT_EQ(read_text(*rig_ / "card")[179], 0x50) << "BOOT_ACK stays";
  EXPECT_TRUE(rig_->is_locked());
}

// Killed as soon as the lock is lifted: all bytes are as they were, and only the lock is not.
TEST_F(BootloaderRequest, GivenEmmcAndKillBeforeTheFirstByte_ThenNextCallLocksAgain) {
  for (const std::string next : {"ArtifactRollback", "ArtifactFailure", "Cleanup"}) {
    for (unsigned nth = 1;; ++nth) {
      make(LoaderKind::emmc);
      succeed("Download");
      ASSERT_TRUE(rig_->tree().call_and_cut("ArtifactInstall", nth).reached);
      if (!rig_->is_locked()) break;
    }
    ASSERT_TRUE(rig_->device() == before_);
    succeed(next);
    EXPECT_TRUE(rig_->is_locked()) << next;
  }
}

TEST_F(BootloaderRequest, GivenCardThatStartsFromUserArea_ThenRefused) {
  make(LoaderKind::emmc);
  auto registers = read_text(*rig_ / "card");
  registers[179] = 0x38;
  write_text(*rig_ / "card", registers);
  before_ = rig_->device();
  EXPECT_THAT(refused(), HasSubstr("starts from neither of its boot partitions"));
}

TEST_F(BootloaderRequest, GivenOrderAndFirstCopyInvalid_ThenTheSecondStaysTheFallback) {
  make(LoaderKind::order);
  shell("dd if=/dev/zero conv=notrunc bs=1 count=64 seek=8192 of=" + (*rig_ / "disk.img"));
  ASSERT_EQ(rig_->starts(), "older");
  update();
  EXPECT_EQ(rig_->starts(), "new");
  EXPECT_THAT(rig_->copy('B'), HasSubstr("older"));
}

TEST_F(BootloaderRequest, GivenOrderAndNeitherCopyValid_ThenRefused) {
  make(LoaderKind::order);
  shell("dd if=/dev/zero conv=notrunc bs=1024 count=256 seek=8 of=" + (*rig_ / "disk.img"));
  before_ = rig_->device();
  EXPECT_THAT(refused(), HasSubstr("what has this machine started from?"));
}

TEST_F(BootloaderRequest, GivenFileAreaWithoutLoader_ThenAskedWhetherItIsMounted) {
  make(LoaderKind::file);
  const auto path = *rig_ / "esp/EFI/systemd/systemd-bootx64.efi";
  std::filesystem::remove(path);
  EXPECT_THAT(rig_->call("Download").err, HasSubstr("is the EFI system partition mounted?"));
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_THAT(rig_->call("Download").err, HasSubstr("is not a regular file"));
}

}  // namespace
}  // namespace patchbay::testing
