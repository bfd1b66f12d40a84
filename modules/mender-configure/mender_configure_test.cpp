#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/module_tree_cuts.hpp"
#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kDocument = "/var/lib/mender-configure/device-config.json";
constexpr const char* kScripts = "/usr/lib/mender-configure/apply-device-config.d/";

// A script that makes the document true: a copy of it is what the device is like.
void add_script(const std::string& root, const std::string& name, const std::string& end = "") {
  write_script(root + kScripts + name,
               "#!/bin/sh\ncp \"$1\" " + root + "/applied." + name + "\n" + end);
}

class MenderConfigure : public ::testing::Test {
 protected:
  MenderConfigure() {
    add_script(root_, "10-first");
    tree_.variable("PATCHBAY_CONFIGURE_ROOT", root_);
    tree_.meta_data(R"({"timezone": "UTC"})");
  }
  void call(const std::string& state) {
    const auto result = tree_.call(state);
    ASSERT_EQ(result.exit_code, 0) << state << ": " << result.err;
  }

  TempDir directory_;
  std::string root_ = directory_ / "root";
  std::string document_ = root_ + kDocument;
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "mender-configure"};
};

TEST_F(MenderConfigure, GivenConfiguration_WhenInstalled_ThenItIsThereAndApplied) {
  for (const char* state : {"Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"})
    call(state);

  EXPECT_EQ(read_text(document_), R"({"timezone": "UTC"})");
  EXPECT_EQ(fs::status(document_).permissions(), fs::perms{0600});
  EXPECT_EQ(read_text(root_ + "/applied.10-first"), R"({"timezone": "UTC"})");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "No\n");
}

TEST_F(MenderConfigure, GivenOldConfiguration_WhenRolledBack_ThenItIsBackAndApplied) {
  write_text(document_, R"({"timezone": "old"})");
  call("ArtifactInstall");
  call("ArtifactCommit");
  call("ArtifactRollback");
  call("ArtifactRollback");
  call("Cleanup");

  EXPECT_EQ(read_text(document_), R"({"timezone": "old"})");
  EXPECT_EQ(read_text(root_ + "/applied.10-first"), R"({"timezone": "old"})");
}

// The older module removes the document, and what was applied stays.
TEST_F(MenderConfigure, GivenFirstConfiguration_WhenRolledBack_ThenScriptsTakeItBack) {
  call("ArtifactInstall");
  call("ArtifactRollback");
  call("Cleanup");

  EXPECT_FALSE(fs::exists(root_ + "/var"));
  EXPECT_EQ(read_text(root_ + "/applied.10-first"), "{}\n");
}

// With the older module, everything is "applied" then.
TEST_F(MenderConfigure, GivenNoScripts_ThenRefused) {
  fs::remove_all(root_ + kScripts);

  EXPECT_THAT(tree_.call("Download").err, HasSubstr("no script in " + root_ + "/usr/lib"));
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 1);
  EXPECT_FALSE(fs::exists(document_));
}

TEST_F(MenderConfigure, GivenScriptsThatWantAReboot_ThenItIsAskedForAlsoAfterRollback) {
  add_script(root_, "20-boot", "exit 20\n");
  call("ArtifactInstall");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "Automatic\n");
  call("ArtifactRollback");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "Automatic\n");
}

TEST_F(MenderConfigure, GivenFailingScripts_ThenAllRunAndTheFailureWins) {
  add_script(root_, "20-fails", "exit 3\n");
  add_script(root_, "30-boot", "exit 20\n");

  const auto result = tree_.call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("20-fails: exit code 3"));
  EXPECT_TRUE(fs::exists(root_ + "/applied.30-boot"));
}

TEST_F(MenderConfigure, GivenRollbackWithoutInstall_ThenNothingRuns) {
  write_text(document_, "{}");
  const auto before = snapshot(root_);
  call("ArtifactRollback");
  call("ArtifactFailure");
  call("Cleanup");
  EXPECT_EQ(snapshot(root_), before);
}

TEST_F(MenderConfigure, GivenBoot_WhenApplyOnly_ThenScriptsRunWithoutAnUpdate) {
  write_text(document_, R"({"a": "b"})");

  const auto result =
      shell("PATCHBAY_CONFIGURE_ROOT=" + root_ + " " + PATCHBAY_MODULE_PROGRAM + " --apply-only");

  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(read_text(root_ + "/applied.10-first"), R"({"a": "b"})");
}

struct BadDocument {
  std::string name;
  std::string json;
  std::string message;
};
class MenderConfigureBadDocument : public MenderConfigure,
                                   public ::testing::WithParamInterface<BadDocument> {};

TEST_P(MenderConfigureBadDocument, GivenBadDocument_ThenRefusedAndNothingTouched) {
  tree_.meta_data(GetParam().json);
  const auto before = snapshot(root_);

  EXPECT_EQ(tree_.call("Download").exit_code, 1);
  const auto result = tree_.call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_EQ(snapshot(root_), before);
}

INSTANTIATE_TEST_SUITE_P(All, MenderConfigureBadDocument,
                         ::testing::Values(BadDocument{"NotJson", "{", "not a JSON object"},
                                           BadDocument{"Missing", "null", "not a JSON object"},
                                           BadDocument{"List", "[]", "not a JSON object"},
                                           BadDocument{"NoName", R"({"": "x"})", "without a name"},
                                           BadDocument{"HugeNumber", R"({"n": 1e400})", "not a"},
                                           BadDocument{"Number", R"({"n": 5})",
                                                       "'n' is 5, and not a text"},
                                           BadDocument{"Nested", R"({"n": {"m": "x"}})", "'n' is"}),
                         [](const auto& test) { return test.param.name; });

TEST(MenderConfigureCuts, GivenCutAtAnyChangingCall_WhenClientGoesOn_ThenAllOldOrAllNew) {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);
  // Writes only what differs, and names no directory, so that states can be compared.
  const CutScenario scenario{"Old",
                             [](const std::string& system) {
                               write_text(system + kDocument, "{\"a\": \"old\"}\n");
                               write_text(system + "/applied", "{\"a\": \"old\"}\n");
                               write_script(system + kScripts + "10-first",
                                            "#!/bin/sh\nroot=${0%/usr/*}; want=$(cat \"$1\")\n"
                                            "[ \"$want\" = \"$(cat $root/applied)\" ] || "
                                            "echo \"$want\" > $root/applied\n"
                                            "touch -d @1000000000 $root/applied\n");
                               const timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
                               ::utimensat(AT_FDCWD, (system + "/applied").c_str(), times, 0);
                             },
                             [](ModuleTree& tree, const std::string& system) {
                               tree.variable("PATCHBAY_CONFIGURE_ROOT", system);
                               tree.meta_data("{\"a\": \"new\"}");
                             }};

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "mender-configure", scenario);

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 10U);
}

// The same program, unchanged, under the client that the protocol comes from. It hands its own
// environment on.
TEST_F(MenderConfigure, GivenDebiansMenderClient_WhenInstalledAndRolledBack_ThenItWorks) {
  ::setenv("PATCHBAY_CONFIGURE_ROOT", root_.c_str(), 1);
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "mender-configure"};
  device.write_artifact("mender-configure", {}, R"({"timezone": "new"})");

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  EXPECT_THAT(read_text(document_), HasSubstr("new"));
  const auto back = device.mender("rollback");
  ::unsetenv("PATCHBAY_CONFIGURE_ROOT");

  EXPECT_EQ(back.exit_code, 0) << back.out;
  EXPECT_FALSE(fs::exists(document_));
}

}  // namespace
}  // namespace patchbay::testing
