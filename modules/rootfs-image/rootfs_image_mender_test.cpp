#include <gmock/gmock.h>

#include <cstdlib>

#include "modules/rootfs-image/board_rig.hpp"
#include "modules/rootfs-image/chunks_rig.hpp"
#include "sdk/slot/sha256.hpp"
#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

// The same program, unchanged, under the client that the protocol comes from. Debian's has a
// rootfs-image of its own built in and takes no module of that name, so the payload type is another
// one here. It is too old to announce sizes.
constexpr const char* kType = "root-system";

class RootfsImageUnderMender : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why;
    board_ = std::make_unique<TestBoard>(BootKind::uboot);
    fresh_ = board_->image("the new system");
    write_text(*board_ / "root.img", fresh_);
    ::setenv("MENDER_CONF_DIR", (*board_ / "etc").c_str(), 1);
    device_ = std::make_unique<MenderDevice>(PATCHBAY_MODULE_PROGRAM, kType);
    device_->write_artifact(kType, {*board_ / "root.img"});
    const auto installed = device_->mender("install " + device_->artifact());
    ASSERT_EQ(installed.exit_code, 0) << installed.out;
    ASSERT_TRUE(board_->content('B') == fresh_);
    ASSERT_EQ(board_->boot(), "B trial");
  }
  void TearDown() override { ::unsetenv("MENDER_CONF_DIR"); }

  std::unique_ptr<TestBoard> board_;
  std::unique_ptr<MenderDevice> device_;
  std::string fresh_;
};

TEST_F(RootfsImageUnderMender, GivenInstalled_WhenRebootedAndCommitted_ThenNewSlotIsKept) {
  ASSERT_EQ(board_->reboot(), 'B');
  const auto committed = device_->mender("commit");

  EXPECT_EQ(committed.exit_code, 0) << committed.out;
  EXPECT_EQ(board_->boot(), "B");
}

TEST_F(RootfsImageUnderMender, GivenInstalled_WhenRolledBack_ThenOldSlotIsBooted) {
  board_->reboot();
  const auto back = device_->mender("rollback");

  EXPECT_EQ(back.exit_code, 0) << back.out;
  EXPECT_EQ(board_->boot(), "A");
  EXPECT_EQ(board_->reboot(), 'A');
}

TEST_F(RootfsImageUnderMender, GivenNewSystemFellBack_WhenCommitted_ThenFailsAndOldSlotStays) {
  board_->reboot();
  ASSERT_EQ(board_->reboot(), 'A');
  const auto committed = device_->mender("commit");

  EXPECT_NE(committed.exit_code, 0);
  EXPECT_EQ(board_->boot(), "A");
}

// A delta is a type of its own, which that client hands to the module as it is.
TEST(RootfsDeltaUnderMender, GivenDelta_WhenInstalledRebootedAndCommitted_ThenNewSlotIsKept) {
  if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why;
  if (shell("command -v rdiff").exit_code != 0) GTEST_SKIP() << "rdiff is missing";
  TestBoard board{BootKind::uboot};
  const auto old = board.content('A');
  const auto fresh = board.image("the new system");
  write_text(board / "old", old);
  write_text(board / "new", fresh);
  const auto made = shell("cd " + (board / "") +
                          " && rdiff signature old sums && rdiff delta sums new image.rdiff");
  ASSERT_EQ(made.exit_code, 0) << made.out;
  const auto of = [](const std::string& image) {
    return R"({"size": )" + std::to_string(image.size()) + R"(, "sha256": ")" +
           *slot::sha256_of(image) + "\"}";
  };
  ::setenv("MENDER_CONF_DIR", (board / "etc").c_str(), 1);
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "rootfs-delta"};
  device.write_artifact("rootfs-delta", {board / "image.rdiff"},
                        R"({"from": )" + of(old) + R"(, "to": )" + of(fresh) + "}");

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  ASSERT_TRUE(board.content('B') == fresh);
  ASSERT_EQ(board.reboot(), 'B');
  const auto committed = device.mender("commit");

  EXPECT_EQ(committed.exit_code, 0) << committed.out;
  EXPECT_EQ(board.boot(), "B");
  ::unsetenv("MENDER_CONF_DIR");
}

class RootfsChunksUnderMender : public ChunksRig {};

TEST_F(RootfsChunksUnderMender, GivenChunks_WhenInstalledRebootedAndCommitted_ThenNewSlotIsKept) {
  write_text(*board_ / "image.index", index_);
  ::setenv("MENDER_CONF_DIR", (*board_ / "etc").c_str(), 1);
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "rootfs-chunks"};
  device.write_artifact("rootfs-chunks", {*board_ / "image.index"},
                        R"({"url": ")" + server_->url("/the.pack") + R"(", "to": )" + facts_ + "}");

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  ASSERT_TRUE(board_->content('B') == fresh_);
  ASSERT_EQ(board_->reboot(), 'B');
  const auto committed = device.mender("commit");

  EXPECT_EQ(committed.exit_code, 0) << committed.out;
  EXPECT_EQ(board_->boot(), "B");
  ::unsetenv("MENDER_CONF_DIR");
}

}  // namespace
}  // namespace patchbay::testing
