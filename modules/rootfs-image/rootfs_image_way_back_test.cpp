#include <filesystem>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"

/// New systems that lack what the old one has for going back: settings, or a way to the boot
/// loader.
namespace patchbay::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RootfsImageWayBack : public RootfsImageBase, public ::testing::WithParamInterface<BootKind> {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(GetParam());
    board_->install(fresh_);
  }
  void lose(const std::string& name) const {
    fs::rename(*board_ / name, *board_ / (name + ".old"));
  }
  void find(const std::string& name) const {
    fs::rename(*board_ / (name + ".old"), *board_ / name);
  }
  void end_in_old_system() {
    ASSERT_EQ(board_->reboot(), 'A');
    succeed("ArtifactVerifyRollbackReboot");
    succeed("ArtifactFailure");
    succeed("Cleanup");
    EXPECT_EQ(board_->boot(), "A");
    EXPECT_EQ(board_->reboot(), 'A');
  }
};

INSTANTIATE_TEST_SUITE_P(With, RootfsImageWayBack,
                         ::testing::Values(BootKind::uboot, BootKind::library, BootKind::grub,
                                           BootKind::command, BootKind::efi,
                                           BootKind::systemd_boot),
                         ::testing::PrintToStringParamName());

TEST_P(RootfsImageWayBack, GivenNoSettingsInTheNewSystem_WhenRolledBack_ThenThoseOfTheOldCount) {
  ASSERT_EQ(board_->reboot(), 'B');
  lose("etc");
  EXPECT_THAT(fail("ArtifactVerifyReboot"), HasSubstr("RootfsPartA is not set"));

  succeed("ArtifactRollback");

  EXPECT_EQ(board_->boot(), "A");
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  find("etc");
  end_in_old_system();
}

TEST_P(RootfsImageWayBack,
       GivenSettingsThatNobodyUnderstands_WhenRolledBack_ThenThoseOfTheOldCount) {
  ASSERT_EQ(board_->reboot(), 'B');
  lose("etc");
  write_text(*board_ / "etc/rootfs-image.json", "{");

  EXPECT_THAT(fail("ArtifactCommit"), HasSubstr("rootfs-image.json"));
  succeed("ArtifactRollback");

  EXPECT_EQ(board_->boot(), "A");
  fs::remove_all(*board_ / "etc");
  find("etc");
  end_in_old_system();
}

TEST_P(RootfsImageWayBack,
       GivenSettingsWithTheSlotsSwapped_WhenRolledBack_ThenTheOldSystemIsMeant) {
  ASSERT_EQ(board_->reboot(), 'B');
  lose("etc/mender.conf");
  write_text(*board_ / "etc/mender.conf",
             R"({"RootfsPartA": ")" + board_->b() + R"(", "RootfsPartB": ")" + board_->a() + "\"}");

  fail("ArtifactVerifyReboot");
  succeed("ArtifactRollback");

  EXPECT_EQ(board_->boot(), "A");
  find("etc/mender.conf");
  end_in_old_system();
}

TEST_P(RootfsImageWayBack, GivenNoWayToTheBootLoader_WhenRolledBack_ThenItGoesBackByItself) {
  ASSERT_EQ(board_->reboot(), 'B');
  lose("boot");
  fail("ArtifactVerifyReboot");

  const auto rolled_back = board_->call("ArtifactRollback");

  EXPECT_EQ(rolled_back.exit_code, 0) << rolled_back.err;
  EXPECT_THAT(rolled_back.err, HasSubstr("goes back to slot A by itself"));
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  fail("ArtifactVerifyRollbackReboot");
  find("boot");
  end_in_old_system();
}

TEST_P(RootfsImageWayBack, GivenNoWayToTheBootLoaderInTheOldSystem_WhenRolledBack_ThenItIsAnError) {
  lose("boot");
  fail("ArtifactRollback");
  find("boot");
  succeed("ArtifactRollback");
  EXPECT_EQ(board_->boot(), "A");
}

TEST_P(RootfsImageWayBack, GivenNoWayToTheBootLoaderAfterTheCommit_WhenRolledBack_ThenItIsAnError) {
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactCommit");
  lose("boot");
  fail("ArtifactRollback");
  find("boot");
  succeed("ArtifactRollback");
  EXPECT_EQ(board_->boot(), "A");
}

class RootfsImageWayBackByCommand : public RootfsImageWayBack {};

INSTANTIATE_TEST_SUITE_P(With, RootfsImageWayBackByCommand, ::testing::Values(BootKind::command),
                         ::testing::PrintToStringParamName());

// What the new system calls A is the new system.
TEST_P(RootfsImageWayBackByCommand,
       GivenSlotsSwappedAndAnotherCommand_WhenRolledBack_ThenTheNewSystemIsNotKept) {
  ASSERT_EQ(board_->reboot(), 'B');
  const auto settings = read_text(*board_ / "etc/rootfs-image.json");
  lose("etc");
  write_text(*board_ / "etc/mender.conf",
             R"({"RootfsPartA": ")" + board_->b() + R"(", "RootfsPartB": ")" + board_->a() + "\"}");
  auto others = settings;
  others.replace(others.find("/command\""), 9, "/other\"");
  write_text(*board_ / "etc/rootfs-image.json", others);
  fs::rename(*board_ / "boot/command", *board_ / "boot/other");
  fail("ArtifactVerifyReboot");

  const auto rolled_back = board_->call("ArtifactRollback");

  EXPECT_EQ(rolled_back.exit_code, 0) << rolled_back.err;
  EXPECT_THAT(rolled_back.err, HasSubstr("goes back to slot A by itself"));
  EXPECT_EQ(answer("NeedsArtifactReboot"), "Automatic\n");
  fs::rename(*board_ / "boot/other", *board_ / "boot/command");
  fs::remove_all(*board_ / "etc");
  find("etc");
  end_in_old_system();
}

}  // namespace
}  // namespace patchbay::testing
