#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>

#include "tests/support/module_tree_cuts.hpp"
#include "tests/support/module_tree_mender.hpp"

// The payload types dir-overlay and persistent-app, and what is known to go wrong with the older
// modules of these names.
namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Files = std::vector<std::pair<std::string, std::string>>;

void pack(const std::string& archive, const Files& files) {
  const TempDir source;
  for (const auto& [name, content] : files)
    write_text(source / ("content/" + name), content);
  fs::create_directories(fs::path{archive}.parent_path());
  const auto made = shell("tar -C " + source.path() + "/content -cf " + archive + " .");
  if (made.exit_code != 0) throw std::runtime_error{made.out};
}

void fill_overlay(ModuleTree& tree, const std::string& system, const Files& files) {
  pack(tree / "files/update.tar", files);
  tree.payload("dest_dir", system + "/opt\n");
  tree.payload("manifest", "");
  tree.variable("MENDER_DATASTORE_DIR", system + "/data");
}

class DirOverlay : public ::testing::Test {
 protected:
  DirOverlay() {
    write_text(system_ + "/opt/theirs", "not ours");
    write_text(system_ + "/opt/app/config", "theirs, too");
    fs::create_directory(system_ + "/data");
  }
  // A whole update with these files.
  void update(const Files& files) {
    begin(files);
    for (const char* call : {"ArtifactCommit", "Cleanup"})
      ASSERT_EQ(tree_->call(call).exit_code, 0);
  }
  void begin(const Files& files) {
    tree_ = std::make_unique<ModuleTree>(PATCHBAY_MODULE_PROGRAM, "dir-overlay");
    fill_overlay(*tree_, system_, files);
    const auto result = tree_->call("ArtifactInstall");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  void roll_back() {
    for (const char* call : {"ArtifactRollback", "ArtifactFailure", "Cleanup"}) {
      const auto result = tree_->call(call);
      ASSERT_EQ(result.exit_code, 0) << call << result.err;
    }
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    return read_text(system_ + "/opt/" + name);
  }

  TempDir directory_;
  std::string system_ = directory_ / "system";
  std::unique_ptr<ModuleTree> tree_;
};

TEST_F(DirOverlay, GivenUpdates_ThenOldFilesGoNewOnesComeAndOthersStay) {
  update({{"app/one", "1"}, {"app/two", "2"}, {"bin/tool", "t"}});
  update({{"app/one", "1b"}, {"app/three", "3"}});

  EXPECT_EQ(read("app/one"), "1b");
  EXPECT_EQ(read("app/three"), "3");
  EXPECT_FALSE(fs::exists(system_ + "/opt/app/two"));
  EXPECT_FALSE(fs::exists(system_ + "/opt/bin/tool"));
  EXPECT_EQ(read("app/config"), "theirs, too");
  EXPECT_EQ(read("theirs"), "not ours");
}

// 1, 3: restored to the wrong place; new files stayed; the first update had no way back.
TEST_F(DirOverlay, GivenFirstUpdate_WhenRolledBack_ThenNothingOfItIsLeft) {
  const auto before = snapshot(system_);
  begin({{"app/one", "1"}, {"new/deep/file", "2"}, {"theirs", "replaced"}});
  roll_back();
  EXPECT_EQ(snapshot(system_), before);
}

// 2: after a rollback the next install failed.
TEST_F(DirOverlay, GivenRollbackOfSecond_WhenInstalledAgain_ThenWorks) {
  update({{"app/one", "1"}, {"app/two", "2"}});
  const auto before = snapshot(system_);
  begin({{"app/one", "1b"}});
  roll_back();
  EXPECT_EQ(snapshot(system_), before);
  update({{"app/one", "1c"}});
  EXPECT_EQ(read("app/one"), "1c");
  EXPECT_FALSE(fs::exists(system_ + "/opt/app/two"));
}

// 4: a rollback without install brought back the version before the last.
TEST_F(DirOverlay, GivenThreeVersions_WhenRolledBackWithoutInstall_ThenTheThirdStays) {
  for (const char* version : {"1", "2", "3"})
    update({{"app/one", version}});
  const auto before = snapshot(system_);
  tree_ = std::make_unique<ModuleTree>(PATCHBAY_MODULE_PROGRAM, "dir-overlay");
  fill_overlay(*tree_, system_, {{"app/one", "4"}});
  roll_back();
  EXPECT_EQ(snapshot(system_), before);
}

// 4a: a private directory came back open to all.
TEST_F(DirOverlay, GivenPrivateDirectory_ThenItsModeStaysThroughInstallAndRollback) {
  ASSERT_EQ(::chmod((system_ + "/opt/app").c_str(), 0700), 0);
  update({{"app/one", "1"}});
  const auto before = snapshot(system_);
  begin({{"app/one", "2"}});
  EXPECT_EQ(fs::status(system_ + "/opt/app").permissions(), fs::perms{0700});
  roll_back();
  EXPECT_EQ(snapshot(system_), before);
}

// 5: blanks; links.
TEST_F(DirOverlay, GivenBlanksInNames_WhenUpdated_ThenOldOnesGo) {
  update({{"a file/with blanks", "1"}});
  update({{"other", "2"}});
  EXPECT_FALSE(fs::exists(system_ + "/opt/a file/with blanks"));
}

// 6: a repeated commit failed.
TEST_F(DirOverlay, GivenCommitTwice_ThenFine) {
  begin({{"app/one", "1"}});
  EXPECT_EQ(tree_->call("ArtifactCommit").exit_code, 0);
  EXPECT_EQ(tree_->call("ArtifactCommit").exit_code, 0);
}

TEST_F(DirOverlay, GivenListOfTheOlderModule_ThenItsFilesGo) {
  write_text(system_ + "/opt/app/two", "2");
  write_text(system_ + "/data/dir-overlay-install/manifest", "./app/two\napp/never-there\n");
  update({{"app/one", "1"}});
  EXPECT_FALSE(fs::exists(system_ + "/opt/app/two"));
}

struct Clash {
  std::string name;
  std::function<void(const std::string& opt)> prepare;
  std::string message;
};
class DirOverlayClash : public DirOverlay, public ::testing::WithParamInterface<Clash> {};

TEST_P(DirOverlayClash, GivenSomethingElseInThePlace_ThenRefusedAndNothingTouched) {
  GetParam().prepare(system_ + "/opt");
  const auto before = snapshot(system_);
  tree_ = std::make_unique<ModuleTree>(PATCHBAY_MODULE_PROGRAM, "dir-overlay");
  fill_overlay(*tree_, system_, {{"x/file", "1"}, {"y", "2"}});

  const auto result = tree_->call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_EQ(snapshot(system_), before);
  roll_back();
  EXPECT_EQ(snapshot(system_), before);
}

INSTANTIATE_TEST_SUITE_P(
    All, DirOverlayClash,
    ::testing::Values(
        Clash{"FileForDirectory", [](const auto& opt) { write_text(opt + "/x", ""); },
              "x is no directory"},
        Clash{"LinkForDirectory",
              [](const auto& opt) { fs::create_directory_symlink("/tmp", opt + "/x"); },
              "x is no directory"},
        Clash{"DirectoryForFile", [](const auto& opt) { fs::create_directory(opt + "/y"); },
              "y is a directory"},
        Clash{"HostileList",
              [](const auto& opt) {
                write_text(opt + "/../data/dir-overlay-install/manifest", "../../etc/passwd\n");
              },
              "contains '..'"},
        Clash{"AbsoluteList",
              [](const auto& opt) {
                write_text(opt + "/../data/dir-overlay-install/manifest", "/etc/passwd\n");
              },
              "manifest"}),
    [](const auto& test) { return test.param.name; });

// ---- persistent-app ----

class PersistentApp : public ::testing::Test {
 protected:
  PersistentApp() {
    write_text(target_ + "/keep", "old");
    write_text(target_ + "/gone", "old");
    ::chmod((target_ + "/keep").c_str(), 0750);
    tree_.payload("dest_dir", target_ + "\n");
    tree_.payload("keep", "new");
    tree_.payload("fresh", "new");
  }

  TempDir directory_;
  std::string target_ = directory_ / "system/app";
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "persistent-app"};
};

// That no client could install it is seen below, under a real one.
TEST_F(PersistentApp, GivenQuestionsBeforeThePayload_ThenTheyAreAnswered) {
  fs::remove_all(tree_ / "files");
  for (const char* call : {"ProvidePayloadFileSizes", "SupportsRollback", "Plan", "Cleanup"})
    EXPECT_EQ(tree_.call(call).exit_code, 0) << call;
  fs::create_directories(tree_ / "files");
}

TEST_F(PersistentApp, GivenUpdate_ThenOldFilesAreGoneAndModesStay) {
  EXPECT_EQ(tree_.call("Download").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactCommit").exit_code, 0);
  EXPECT_EQ(tree_.call("Cleanup").exit_code, 0);

  EXPECT_EQ(snapshot(directory_ / "system").size(), 4U);
  EXPECT_EQ(read_text(target_ + "/keep"), "new");
  EXPECT_EQ(fs::status(target_ + "/keep").permissions(), fs::perms{0750});
  EXPECT_FALSE(fs::exists(target_ + "/gone"));
  EXPECT_FALSE(fs::exists(target_ + "/dest_dir"));
}

TEST_F(PersistentApp, GivenUpdate_WhenRolledBack_ThenEverythingIsAsBefore) {
  const auto before = snapshot(directory_ / "system");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(tree_.call("Cleanup").exit_code, 0);
  EXPECT_EQ(snapshot(directory_ / "system"), before);
}

// Under the client that the protocol comes from.
TEST_F(PersistentApp, GivenDebiansMenderClient_WhenInstalled_ThenItWorks) {
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "persistent-app"};
  device.write_artifact("persistent-app",
                        {tree_ / "files/dest_dir", tree_ / "files/keep", tree_ / "files/fresh"});

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  EXPECT_EQ(read_text(target_ + "/keep"), "new");
  const auto back = device.mender("rollback");
  ASSERT_EQ(back.exit_code, 0) << back.out;
  EXPECT_EQ(read_text(target_ + "/keep"), "old");
}

// ---- power cuts ----

TEST(DirectoryLayoutCuts, GivenOverlay_WhenCutAtAnyChangingCall_ThenAllOldOrAllNew) {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);
  const CutScenario scenario{"Overlay",
                             [](const std::string& system) {
                               write_text(system + "/opt/app/config", "theirs");
                               write_text(system + "/opt/app/one", "1");
                               write_text(system + "/opt/app/two", "2");
                             },
                             [](ModuleTree& tree, const std::string& system) {
                               fill_overlay(tree, system, {{"app/one", "1b"}, {"new/file", "3"}});
                               // Elsewhere: the name of the list has the system's path in it,
                               // another one in each try.
                               const auto store = tree.path() + "/../store";
                               tree.variable("MENDER_DATASTORE_DIR", store);
                               write_text(store + "/dir-overlay-install/manifest",
                                          "app/one\napp/two\n");
                             }};

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "dir-overlay", scenario);

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 20U);
}

TEST(DirectoryLayoutCuts, GivenPayloadFiles_WhenCutAtAnyChangingCall_ThenAllOldOrAllNew) {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);
  const CutScenario scenario{
      "Files", [](const std::string& system) { write_text(system + "/app/one", "1"); },
      [](ModuleTree& tree, const std::string& system) {
        tree.payload("dest_dir", system + "/app\n");
        tree.payload("one", "1b");
      }};

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "persistent-app", scenario);

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 10U);
}

}  // namespace
}  // namespace patchbay::testing
