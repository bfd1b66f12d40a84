#include <gmock/gmock.h>

#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

// The same program, unchanged, under the client that the protocol comes from.
class DirectoryUnderMender : public ::testing::Test {
 protected:
  DirectoryUnderMender() {
    write_text(directory_ / "source/file", "new");
    write_text(directory_ / "payload/dest_dir", target_ + "\n");
    write_text(target_ + "/file", "old");
    const auto archive = directory_ / "payload/update.tar";
    shell("tar -C " + (directory_ / "source") + " -cf " + archive + " .");
    device_.write_artifact("directory", {archive, directory_ / "payload/dest_dir"});
  }

  TempDir directory_;
  std::string target_ = directory_ / "system/app";
  MenderDevice device_{PATCHBAY_MODULE_PROGRAM, "directory"};
};

TEST_F(DirectoryUnderMender, GivenArtifact_WhenInstalledAndCommitted_ThenDirectoryIsNew) {
  const auto installed = device_.mender("install " + device_.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  const auto committed = device_.mender("commit");
  ASSERT_EQ(committed.exit_code, 0) << committed.out;

  EXPECT_EQ(read_text(target_ + "/file"), "new");
  EXPECT_EQ(snapshot(directory_ / "system").size(), 3U);
}

TEST_F(DirectoryUnderMender, GivenArtifact_WhenInstalledAndRolledBack_ThenDirectoryIsOld) {
  const auto before = snapshot(directory_ / "system");
  const auto installed = device_.mender("install " + device_.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  EXPECT_EQ(read_text(target_ + "/file"), "new");
  const auto back = device_.mender("rollback");
  ASSERT_EQ(back.exit_code, 0) << back.out;

  EXPECT_EQ(snapshot(directory_ / "system"), before);
}

}  // namespace
}  // namespace patchbay::testing
