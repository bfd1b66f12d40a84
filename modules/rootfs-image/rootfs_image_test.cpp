#include <gmock/gmock.h>

#include <filesystem>

#include "modules/rootfs-image/board_rig.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

#define SKIP_WHERE_IMPOSSIBLE() \
  if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why

// The life of an update, on every boot environment.
class RootfsImage : public ::testing::TestWithParam<BootKind> {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    board_ = std::make_unique<TestBoard>(GetParam());
    fresh_ = board_->image("the new system");
    old_ = board_->content('A');
  }

  void succeed(const std::string& state) {
    const auto result = board_->call(state);
    EXPECT_EQ(result.exit_code, 0) << state << ": " << result.err;
  }
  std::string fail(const std::string& state) {
    const auto result = board_->call(state);
    EXPECT_EQ(result.exit_code, 1) << state;
    return result.err;
  }
  std::string answer(const std::string& question) {
    const auto result = board_->call(question);
    EXPECT_EQ(result.exit_code, 0) << question << ": " << result.err;
    return result.out;
  }

  std::unique_ptr<TestBoard> board_;
  std::string fresh_;
  std::string old_;
};

INSTANTIATE_TEST_SUITE_P(On, RootfsImage,
                         ::testing::Values(BootKind::uboot, BootKind::library, BootKind::grub,
                                           BootKind::command, BootKind::efi,
                                           BootKind::systemd_boot),
                         ::testing::PrintToStringParamName());

TEST_P(RootfsImage, GivenUpdate_WhenRebootedAndCommitted_ThenNewSlotIsKept) {
  EXPECT_EQ(answer("ProvidePayloadFileSizes"), "Yes\n");
  EXPECT_EQ(answer("SupportsRollback"), "Yes\n");
  const auto downloaded = board_->download(fresh_);
  ASSERT_EQ(downloaded.exit_code, 0) << downloaded.err;
  EXPECT_EQ(board_->content('B'), fresh_);
  EXPECT_EQ(board_->boot(), "A") << "nothing is switched before everything is verified";
  succeed("ArtifactInstall");
  EXPECT_EQ(board_->boot(), "B trial");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
  succeed("Cleanup");

  EXPECT_EQ(board_->boot(), "B");
  EXPECT_EQ(board_->content('A'), old_);
  EXPECT_EQ(board_->reboot(), 'B');
}

TEST_P(RootfsImage, GivenTwoUpdates_ThenSlotsTakeTurns) {
  board_->install(fresh_);
  board_->reboot();
  succeed("ArtifactCommit");
  board_->next_update();
  const auto newer = board_->image("the system after");
  board_->install(newer);
  ASSERT_EQ(board_->reboot(), 'A');
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");

  EXPECT_EQ(board_->boot(), "A");
  EXPECT_EQ(board_->content('A'), newer);
  EXPECT_EQ(board_->content('B'), fresh_);
}

TEST_P(RootfsImage, GivenRollbackBeforeReboot_ThenNothingHasHappenedAndNoRebootIsNeeded) {
  board_->install(fresh_);
  succeed("ArtifactRollback");

  EXPECT_EQ(board_->boot(), "A");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "No\n");
  succeed("ArtifactVerifyRollbackReboot");
  succeed("ArtifactFailure");
  succeed("Cleanup");
  EXPECT_EQ(board_->reboot(), 'A');
}

TEST_P(RootfsImage, GivenRollbackAfterReboot_ThenOldSystemIsBootedAgain) {
  board_->install(fresh_);
  board_->reboot();
  succeed("ArtifactRollback");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  EXPECT_THAT(fail("ArtifactVerifyRollbackReboot"), HasSubstr("is running instead of slot A"));
  ASSERT_EQ(board_->reboot(), 'A');
  succeed("ArtifactVerifyRollbackReboot");
  succeed("ArtifactFailure");
  succeed("Cleanup");

  EXPECT_EQ(board_->boot(), "A");
  EXPECT_EQ(board_->content('A'), old_);
}

TEST_P(RootfsImage, GivenRollbackAfterCommit_ThenOldSystemIsBootedAgain) {
  board_->install(fresh_);
  board_->reboot();
  succeed("ArtifactCommit");
  succeed("ArtifactRollback");
  succeed("ArtifactRollback");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  EXPECT_EQ(board_->reboot(), 'A');
  succeed("ArtifactVerifyRollbackReboot");
  succeed("Cleanup");
  EXPECT_EQ(board_->boot(), "A");
}

TEST_P(RootfsImage, GivenNewSystemThatDoesNotStart_WhenBootLoaderFallsBack_ThenSaidSo) {
  board_->install(fresh_);
  board_->reboot();
  ASSERT_EQ(board_->reboot(), 'A') << "nobody has committed";

  EXPECT_THAT(fail("ArtifactVerifyReboot"), HasSubstr("did not start"));
  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("the boot loader has gone back to slot A"));
  succeed("ArtifactRollback");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "No\n");
  EXPECT_EQ(board_->boot(), "A");
}

TEST_P(RootfsImage, GivenCommitBeforeReboot_ThenRefused) {
  board_->install(fresh_);

  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("has not been booted yet; reboot first"));
  EXPECT_EQ(board_->boot(), "B trial");
}

TEST_P(RootfsImage, GivenClientThatNeverAsksForRollback_WhenItCleansUp_ThenTrialIsOver) {
  board_->install(fresh_);
  succeed("Cleanup");
  EXPECT_EQ(board_->boot(), "A");
}

TEST_P(RootfsImage, GivenUpdateOfAnotherClient_WhenItsWorkTreeIsGone_ThenCommittedAndRolledBack) {
  board_->install(fresh_);
  board_->reboot();
  board_->next_update();  // takes the record away
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactRollback");
  EXPECT_EQ(board_->boot(), "A");

  board_->reboot();
  board_->install(fresh_);
  board_->reboot();
  board_->next_update();
  succeed("ArtifactCommit");
  EXPECT_EQ(board_->boot(), "B");
}

TEST_P(RootfsImage, GivenSameImageAgain_ThenNothingIsWritten) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();
  const auto again = board_->download(fresh_);

  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("wrote 0 B of 8.0 MiB"));
}

TEST_P(RootfsImage, GivenRollbackWithoutInstall_ThenNothingHappens) {
  const auto before = board_->variables();
  succeed("ArtifactRollback");
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  succeed("ArtifactRollback");
  succeed("ArtifactFailure");
  succeed("Cleanup");

  EXPECT_EQ(board_->variables(), before);
}

TEST_P(RootfsImage, GivenTrialInProgress_ThenNextUpdateIsRefused) {
  board_->install(fresh_);
  board_->reboot();
  board_->next_update();
  const auto result = board_->download(fresh_);

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("is still on trial"));
}

TEST_P(RootfsImage, GivenPlanAndDescribe_ThenTheyTellAndTouchNothing) {
  const auto before = board_->variables();
  const auto plan = answer("Plan");

  EXPECT_THAT(plan, AllOf(HasSubstr("slot B (" + board_->b() + ")"), HasSubstr("8.0 MiB")));
  EXPECT_THAT(answer("Describe"), AllOf(HasSubstr(R"("type":"rootfs-image")"),
                                        HasSubstr(R"("streams":true)"), HasSubstr(board_->b())));
  EXPECT_EQ(board_->variables(), before);
}

// What can be wrong with the device: everything is found out before the first byte.
class RootfsImageDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    board_ = std::make_unique<TestBoard>(BootKind::uboot);
    fresh_ = board_->image("the new system");
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

  std::unique_ptr<TestBoard> board_;
  std::string fresh_;
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

// What can be wrong with the payload: found out while it arrives; the running system is safe.
class RootfsImagePayload : public RootfsImageDevice {
 protected:
  std::string fails(std::vector<PayloadFeeder::File> files) {
    CallResult result;
    {
      const PayloadFeeder feeder{board_->tree(), std::move(files)};
      result = board_->call("DownloadWithFileSizes");
    }
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(board_->boot(), "A");
    EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 1) << "an incomplete image was installed";
    EXPECT_EQ(board_->boot(), "A");
    return result.err;
  }
};

TEST_F(RootfsImagePayload, GivenNoFile_ThenRefused) {
  EXPECT_THAT(fails({}), HasSubstr("the payload has no file"));
}

TEST_F(RootfsImagePayload, GivenTwoFiles_ThenRefused) {
  EXPECT_THAT(fails({{"one", fresh_}, {"two", "more"}}), HasSubstr("a second file, 'two'"));
}

TEST_F(RootfsImagePayload, GivenEmptyImage_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", ""}}), HasSubstr("the image is empty"));
}

TEST_F(RootfsImagePayload, GivenStreamThatEndsEarly_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", fresh_.substr(0, 5000000), "8388608"}}),
              HasSubstr("announced with 8388608 bytes, and ended after 5000000"));
}

TEST_F(RootfsImagePayload, GivenStreamThatIsLongerThanAnnounced_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", fresh_, "100"}}),
              HasSubstr("announced with 100 bytes, and ended after 8388608"));
}

TEST_F(RootfsImagePayload, GivenAnotherImageThanPromised_ThenRefused) {
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":"0123"}})");
  EXPECT_THAT(fails({{"root.img", fresh_}}), HasSubstr("rootfs-image.checksum says 0123"));
}

TEST_F(RootfsImagePayload, GivenNamesThatLeadElsewhere_ThenRefused) {
  EXPECT_THAT(fails({{"..", "x"}}), Not(HasSubstr("wrote")));
  for (const auto* const text : {"[]", "null", "{", R"({"artifact_provides":7})",
                                 R"({"artifact_provides":{"rootfs-image.checksum":{}}})"}) {
    board_->tree().header("type-info", text);
    EXPECT_EQ(board_->download(fresh_).exit_code, 0) << text;
    board_->next_update();
  }
}

TEST_F(RootfsImagePayload, GivenImageThatFillsNoBlock_ThenWhatIsBehindItStays) {
  const auto before = board_->content('B');
  const auto size = 3 * 1024 * 1024 + 700;
  const auto odd = fresh_.substr(0, size);
  const auto result = board_->download(odd);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == odd + before.substr(size));
}

TEST_F(RootfsImagePayload, GivenSectorsOf4096Bytes_ThenInstalledAndWhatIsBehindTheImageStays) {
  board_ = std::make_unique<TestBoard>(BootKind::uboot, 4096U);
  const auto before = board_->content('B');
  const auto size = 3 * 1024 * 1024 + 700;
  const auto odd = fresh_.substr(0, size);
  const auto result = board_->download(odd);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == odd + before.substr(size));
  EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(board_->boot(), "B trial");
}

TEST_F(RootfsImagePayload, GivenClientWithoutSizes_ThenInstalledAllTheSame) {
  {
    const PayloadFeeder feeder{board_->tree(), {{"root.img", fresh_, "-"}}};
    const auto result = board_->call("Download");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_TRUE(board_->content('B') == fresh_);
  EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 0);
}

TEST_F(RootfsImagePayload, GivenClientWithoutSizesAndTooMuch_ThenStoppedAtTheEndOfTheSlot) {
  EXPECT_THAT(fails({{"root.img", fresh_ + fresh_, "-"}}), HasSubstr("has only 8388608"));
}

TEST_F(RootfsImagePayload, GivenDeviceThatDoesNotKeepWhatIsWritten_ThenNoticed) {
  // What has been written long ago is changed under the device, before the end of the stream.
  const auto file = *board_ / "b.img";
  PayloadFeeder::File image{"root.img", fresh_};
  image.pause_after = 7 * 1024 * 1024;
  image.pause = [&file] {
    shell("printf broken | dd of=" + file + " bs=1 seek=70000 conv=notrunc");
  };
  EXPECT_THAT(fails({image}), HasSubstr("does not come back from there"));
}

TEST_F(RootfsImagePayload, GivenPromisedSumAndSameImage_ThenWhateverDiffersIsFoundAndWritten) {
  const auto sum = slot::sha256_of(fresh_);
  ASSERT_TRUE(sum);
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":")" +
                                         *sum + "\"}}");
  for (const std::string written : {"wrote ", "wrote 0 B", "wrote 64.0 KiB"}) {
    const auto result = board_->download(fresh_);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr(written));
    EXPECT_TRUE(board_->content('B') == fresh_);
    board_->next_update();
    // Behind the first piece, before the third time.
    if (written == "wrote 0 B")
      shell("printf broken | dd of=" + (*board_ / "b.img") + " bs=1 seek=5000000 conv=notrunc");
  }
}

TEST_F(RootfsImagePayload, GivenImageThatIsThereAndAnotherSumThanPromised_ThenRefused) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":"0123"}})");
  auto changed = fresh_;
  changed[5000000] = '!';
  changed[5000001] = '?';
  for (const auto& image : {fresh_, changed}) {
    board_->next_update();
    EXPECT_THAT(fails({{"root.img", image}}), HasSubstr("rootfs-image.checksum says 0123"));
  }
}

TEST_F(RootfsImagePayload, GivenPartlyEqualImage_ThenOnlyTheDifferenceIsWritten) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();
  auto changed = fresh_;
  changed[5 * 1024 * 1024 + 3] ^= 1;
  const auto result = board_->download(changed);

  EXPECT_THAT(result.err, HasSubstr("wrote 64.0 KiB of 8.0 MiB"));
  EXPECT_TRUE(board_->content('B') == changed);
}

}  // namespace
}  // namespace patchbay::testing
