#include <gmock/gmock.h>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
// The life of an update, on every boot environment.
class RootfsImage : public RootfsImageBase, public ::testing::WithParamInterface<BootKind> {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(GetParam());
    old_ = board_->content('A');
  }

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

}  // namespace
}  // namespace patchbay::testing
