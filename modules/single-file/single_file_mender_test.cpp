#include <gmock/gmock.h>

#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

// The same program, unchanged, under the client that the protocol comes from.
class SingleFileUnderMender : public ::testing::Test {
 protected:
  SingleFileUnderMender() {
    const auto payload = directory_ / "payload";
    write_text(payload + "/dest_dir", (directory_ / "etc") + "\n");
    write_text(payload + "/filename", "app.conf\n");
    write_text(payload + "/permissions", "600\n");
    write_text(payload + "/app.conf", "new");
    write_text(target_, "old");
    device_.write_artifact("single-file", {payload + "/dest_dir", payload + "/filename",
                                           payload + "/permissions", payload + "/app.conf"});
  }

  TempDir directory_;
  std::string target_ = directory_ / "etc/app.conf";
  MenderDevice device_{PATCHBAY_MODULE_PROGRAM, "single-file"};
};

TEST_F(SingleFileUnderMender, GivenArtifact_WhenInstalledAndCommitted_ThenFileIsNew) {
  const auto installed = device_.mender("install " + device_.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  EXPECT_EQ(read_text(target_), "new");
  const auto committed = device_.mender("commit");
  ASSERT_EQ(committed.exit_code, 0) << committed.out;

  EXPECT_EQ(read_text(target_), "new");
  EXPECT_EQ(snapshot(directory_ / "etc").size(), 2U);
}

TEST_F(SingleFileUnderMender, GivenArtifact_WhenInstalledAndRolledBack_ThenFileIsOld) {
  const auto before = snapshot(directory_ / "etc");
  const auto installed = device_.mender("install " + device_.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  const auto back = device_.mender("rollback");
  ASSERT_EQ(back.exit_code, 0) << back.out;

  EXPECT_EQ(snapshot(directory_ / "etc"), before);
}

}  // namespace
}  // namespace patchbay::testing
