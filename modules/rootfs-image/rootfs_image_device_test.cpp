#include <gmock/gmock.h>

#include <filesystem>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
// What can be wrong with the device: everything is found out before the first byte.
class RootfsImageDevice : public RootfsImageBase {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(BootKind::uboot);
  }

  std::string refused(const std::string& image) {
    const auto before = board_->content('B');
    const auto boot = board_->boot();
    const auto result = board_->download(image);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(board_->content('B') == before) << "something was written";
    EXPECT_EQ(board_->boot(), boot);
    return result.err;
  }
};

TEST_F(RootfsImageDevice, GivenImageLargerThanSlot_ThenRefused) {
  EXPECT_THAT(refused(fresh_ + "x"), AllOf(HasSubstr("8388609 bytes"), HasSubstr(board_->b()),
                                           HasSubstr("has only 8388608")));
}

TEST_F(RootfsImageDevice, GivenHugeAnnouncedSize_ThenRefused) {
  const auto before = board_->content('B');
  for (const auto* const size : {"18446744073709551615", "9223372036854775808", "8388609"}) {
    const PayloadFeeder feeder{board_->tree(), {{"root.img", fresh_, size}}};
    const auto result = board_->call("DownloadWithFileSizes");
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(size));
  }
  const PayloadFeeder feeder{board_->tree(), {{"root.img", fresh_, "18446744073709551616"}}};
  EXPECT_EQ(board_->call("DownloadWithFileSizes").exit_code, 1);
  EXPECT_TRUE(board_->content('B') == before);
}

TEST_F(RootfsImageDevice, GivenSlotThatIsMissing_ThenNoFileIsMadeInItsPlace) {
  const auto nowhere = *board_ / "dev/mmcblk0p3";
  board_->configure("RootfsPartB", "\"" + nowhere + "\"");

  EXPECT_THAT(refused(fresh_), HasSubstr("RootfsPartB: there is no device " + nowhere));
  EXPECT_FALSE(std::filesystem::exists(nowhere));
}

TEST_F(RootfsImageDevice, GivenRegularFileInPlaceOfSlot_ThenRefusedUnlessAllowed) {
  write_text(*board_ / "file", std::string(TestBoard::kSlotSize, 'x'));
  board_->configure("RootfsPartB", "\"" + (*board_ / "file") + "\"");
  EXPECT_THAT(refused(fresh_), HasSubstr("is not a block device but a regular file"));

  board_->configure("AllowRegularFiles", "true");
  const auto result = board_->download(fresh_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(read_text(*board_ / "file") == fresh_);
}

TEST_F(RootfsImageDevice, GivenMountedTarget_ThenRefusedWithThePlace) {
  std::filesystem::create_directory(*board_ / "a b");
  ASSERT_EQ(shell("mount -t ext4 " + board_->b() + " '" + (*board_ / "a b") + "'").exit_code, 0);

  EXPECT_THAT(refused(fresh_), HasSubstr("is in use: it is mounted at " + (*board_ / "a b")));
  shell("umount '" + (*board_ / "a b") + "'");
}

TEST_F(RootfsImageDevice, GivenEnvironmentThatBootsTheOtherSlot_ThenRefused) {
  board_->set_variables({{"mender_boot_part", "10"}});
  EXPECT_THAT(refused(fresh_), HasSubstr("is running, but the U-Boot environment"));
}

TEST_F(RootfsImageDevice, GivenEnvironmentWithUnknownPart_ThenRefused) {
  board_->set_variables({{"mender_boot_part", "7"}});
  EXPECT_THAT(refused(fresh_),
              HasSubstr("mender_boot_part is '7', but the slots are '2' (A) and '10' (B)"));
}

TEST_F(RootfsImageDevice, GivenDeviceWithoutNumber_ThenNoNumberIsMadeUpFromItsName) {
  board_->configure("BootValueA", "");
  board_->configure("BootValueB", "");
  EXPECT_THAT(refused(fresh_), AllOf(HasSubstr(board_->a() + " is no partition"),
                                     HasSubstr("set BootValueA in rootfs-image.json")));
}

TEST_F(RootfsImageDevice, GivenRootOnNeitherSlot_ThenRefused) {
  board_->configure("RootDirectory", "\"/proc\"");
  EXPECT_THAT(refused(fresh_), HasSubstr("is neither on RootfsPartA"));
}

TEST_F(RootfsImageDevice, GivenOneDeviceTwice_ThenRefused) {
  std::filesystem::create_symlink(board_->a(), *board_ / "another-name");
  board_->configure("RootfsPartB", "\"" + (*board_ / "another-name") + "\"");
  EXPECT_THAT(refused(fresh_), HasSubstr("are one and the same device"));
}

TEST_F(RootfsImageDevice, GivenLinkToSlot_ThenFollowed) {
  std::filesystem::create_symlink(board_->b(), *board_ / "by-label-root-7");
  board_->configure("RootfsPartB", "\"" + (*board_ / "by-label-root-7") + "\"");
  EXPECT_EQ(board_->download(fresh_).exit_code, 0);
  EXPECT_TRUE(board_->content('B') == fresh_);
}

TEST_F(RootfsImageDevice, GivenUuid_ThenFoundByIt) {
  board_->configure("RootfsPartB", R"("UUID=no-such-uuid")");
  EXPECT_THAT(refused(fresh_), HasSubstr("no device of this machine has 'UUID=no-such-uuid'"));

  const std::string uuid = "2b24f9b0-8a66-4b0f-9d3e-6f7c3f0a1d11";
  ASSERT_EQ(shell("mke2fs -q -U " + uuid + " " + board_->b()).exit_code, 0);
  board_->configure("RootfsPartB", "\"UUID=" + uuid + "\"");
  const auto result = board_->download(fresh_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(RootfsImageDevice, GivenMissingTool_ThenNamed) {
  board_->tree().variable("PATH", *board_ / "empty");
  const auto result = board_->download(fresh_);
  EXPECT_EQ(result.exit_code, 0) << "the library does it, too: " << result.err;

  // As on a device that has neither.
  write_text(*board_ / "empty/libubootenv.so.0", "");
  board_->next_update();
  board_->tree().variable("LD_LIBRARY_PATH", *board_ / "empty");
  EXPECT_THAT(refused("another image"),
              HasSubstr("the program fw_printenv is missing, and the library libubootenv.so.0"));
}

TEST_F(RootfsImageDevice, GivenUnreadableEnvironment_ThenRefused) {
  write_text(*board_ / "boot/fw_env.config", (*board_ / "boot/nothing") + " 0 0x4000\n");
  const auto result = board_->download(fresh_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("U-Boot environment (/usr/bin/fw_printenv) cannot be read"));
}

TEST_F(RootfsImageDevice, GivenCanaryThatUBootDidNotSet_ThenRefused) {
  board_->set_variables({{"mender_check_saveenv_canary", "1"}});
  EXPECT_THAT(refused(fresh_), HasSubstr("mender_saveenv_canary"));
  board_->set_variables({{"mender_saveenv_canary", "1"}});
  EXPECT_EQ(board_->download(fresh_).exit_code, 0);
}

TEST_F(RootfsImageDevice, GivenEnvironmentThatDoesNotTakeWrites_ThenInstallFailsAndSaysSo) {
  write_script(*board_ / "bin/fw_setenv", "#!/bin/sh\ncat > /dev/null\n");
  board_->tree().variable("PATH", (*board_ / "bin") + ":/usr/bin:/bin");
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  const auto result = board_->call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("and reads '"));
  EXPECT_EQ(board_->boot(), "A");
}

TEST_F(RootfsImageDevice, GivenToolThatFails_WhenRolledBack_ThenThatIsNoSuccess) {
  board_->install(fresh_);
  write_script(*board_ / "bin/fw_setenv", "#!/bin/sh\necho flash is worn out >&2\nexit 1\n");
  board_->tree().variable("PATH", (*board_ / "bin") + ":/usr/bin:/bin");
  const auto result = board_->call("ArtifactRollback");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("fw_setenv"));
  EXPECT_EQ(board_->boot(), "B trial") << "as the environment really is";
}

TEST_F(RootfsImageDevice, GivenInstall_ThenAllVariablesAreSetInOneCall) {
  write_script(*board_ / "bin/fw_setenv", "#!/bin/sh\necho \"$@\" >> " + (*board_ / "calls") +
                                              "\nexec /usr/bin/fw_setenv \"$@\"\n");
  board_->tree().variable("PATH", (*board_ / "bin") + ":/usr/bin:/bin");
  board_->install(fresh_);

  EXPECT_EQ(read_text(*board_ / "calls"), "-c " + (*board_ / "boot/fw_env.config") + " -s -\n");
  const auto variables = board_->variables();
  EXPECT_EQ(variables.at("mender_boot_part"), "10");
  EXPECT_EQ(variables.at("mender_boot_part_hex"), "a");
  EXPECT_EQ(variables.at("upgrade_available"), "1");
  EXPECT_EQ(variables.at("bootcount"), "0");
  EXPECT_EQ(variables.at("console"), "ttyS0") << "others stay";
}

TEST_F(RootfsImageDevice, GivenBadSettings_ThenKeyAndFileAreNamed) {
  struct Case {
    const char* key;
    const char* json;
    const char* message;
  };
  for (const auto& bad : {Case{"RootfsPartC", "1", "there is no key 'RootfsPartC'"},
                          Case{"BootEnvironment", "\"lilo\"", "BootEnvironment is 'lilo'"},
                          Case{"AllowRegularFiles", "\"yes\"", "has to be true or false"},
                          Case{"BootValueA", "2", "BootValueA has to be a text"},
                          Case{"ClientKey", "1", "ClientKey has to be a text"},
                          Case{"FetchTimeout", "0", "FetchTimeout has to be 1 to 3600"},
                          Case{"FetchTimeout", "3601", "FetchTimeout has to be 1 to 3600"},
                          Case{"FetchTimeout", "-1", "FetchTimeout has to be 1 to 3600"},
                          Case{"FetchTimeout", "\"5\"", "FetchTimeout has to be 1 to 3600"},
                          Case{"RootfsPartB", "\"sda3\"", "'sda3' is neither an absolute path"},
                          Case{"RootfsPartB", "\"UUID=\"", "does not name a device"},
                          Case{"BootEnvironment", "\"command\"", "absolute path of a program"},
                          Case{"EfiVariablesDirectory", "7", "has to be a text"},
                          Case{"BootValueA", "{", "is not valid JSON"}}) {
    TestBoard board{BootKind::uboot};
    board.configure(bad.key, bad.json);
    const auto result = board.download(fresh_);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(bad.message));
  }
}

TEST_F(RootfsImageDevice, GivenNoPartitionsConfigured_ThenSaidWhereTheyBelong) {
  write_text(*board_ / "etc/mender.conf", "{}");
  EXPECT_THAT(refused(fresh_), HasSubstr("RootfsPartA is not set"));
}

TEST_F(RootfsImageDevice, GivenPartitionsInDataDirectoryOrFromClient_ThenTheyCount) {
  const auto text = read_text(*board_ / "etc/mender.conf");
  write_text(*board_ / "etc/mender.conf", R"({"RootfsPartA": "/dev/nowhere"})");
  write_text(*board_ / "data/mender.conf", text);
  EXPECT_THAT(refused(fresh_), HasSubstr("/dev/nowhere"))
      << "the configuration directory is stronger";

  board_->tree().variable("PATCHBAY_ROOTFS_PART_A", board_->a());
  const auto result = board_->download(fresh_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace patchbay::testing
