#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/module_tree_mender.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Script : public ::testing::Test {
 protected:
  // A script that writes its name and arguments to the log.
  [[nodiscard]] std::string logging(const std::string& name, const std::string& end = "") const {
    return "#!/bin/sh\necho " + name + " \"$@\" >> " + log_ + "\n" + end;
  }
  void add(const std::string& name, const std::string& end = "") {
    tree_.payload(name, logging(name, end));
  }
  [[nodiscard]] std::string log() const { return read_text(log_); }

  TempDir directory_;
  std::string log_ = directory_ / "log";
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "script"};
};

TEST_F(Script, GivenSeveralScripts_WhenInstalled_ThenRunInNameOrderWithoutArguments) {
  add("20-second");
  add("10-first");
  add("30-third");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(log(), "10-first\n20-second\n30-third\n");
}

TEST_F(Script, GivenScript_WhenRun_ThenWorkTreeIsItsDirectoryAndInputIsEmpty) {
  tree_.payload("s", "#!/bin/sh\npwd > " + log_ + "\ncat >> " + log_ + "\necho $0 >> " + log_);

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(log(), tree_.path() + "\n" + tree_.path() + "/files/s\n");
}

TEST_F(Script, GivenOutput_WhenRun_ThenItGoesToTheLogAndNotToStandardOutput) {
  tree_.payload("s", "#!/bin/sh\necho hello\necho trouble >&2\n");

  const auto result = tree_.call("ArtifactInstall");

  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, AllOf(HasSubstr("hello"), HasSubstr("trouble")));
}

TEST_F(Script, GivenFailingScript_WhenInstalled_ThenStopsThereAndFailureTellsWhichRan) {
  add("1");
  add("2", "exit 7\n");
  add("3");

  const auto result = tree_.call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("2: exit code 7"));
  EXPECT_EQ(log(), "1\n2\n");
  EXPECT_THAT(tree_.call("ArtifactFailure").err,
              AllOf(HasSubstr("1 had finished"), HasSubstr("2 had not finished")));
}

TEST_F(Script, GivenScriptThatDies_WhenInstalled_ThenSignalIsNamed) {
  add("1", "kill -9 $$\n");

  EXPECT_THAT(tree_.call("ArtifactInstall").err, HasSubstr("1: killed by signal 9 (Killed)"));
}

TEST_F(Script, GivenMissingInterpreter_WhenInstalled_ThenItIsNamed) {
  tree_.payload("1", "#!/usr/bin/no-such-python3\n");

  const auto result = tree_.call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("its interpreter '/usr/bin/no-such-python3' is missing"));
}

TEST_F(Script, GivenFirstScriptThatCannotStart_WhenInstalled_ThenThereIsNothingToUndo) {
  tree_.payload("1", "#!/usr/bin/no-such-python3\n");
  add("2");
  EXPECT_EQ(tree_.call("SupportsRollback").out, "No\n");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 1);

  EXPECT_EQ(tree_.call("SupportsRollback").out, "Yes\n");
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_FALSE(fs::exists(log_));
}

TEST_F(Script, GivenLaterScriptThatCannotStart_WhenInstalled_ThenOnlyThoseThatRanAreUndone) {
  tree_.meta_data(R"({"rollback": "undo"})");
  add("1");
  tree_.payload("2", "#!/usr/bin/no-such-python3\n");
  add("undo");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 1);

  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);

  EXPECT_EQ(log(), "1\nundo 1\n");
}

TEST_F(Script, GivenLaterScriptThatCannotStartAndNoRollback_WhenInstalled_ThenItSaysSo) {
  add("1");
  tree_.payload("2", "#!/usr/bin/no-such-python3\n");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 1);

  EXPECT_EQ(tree_.call("SupportsRollback").out, "No\n");
}

TEST_F(Script, GivenTextWithoutInterpreter_WhenInstalled_ThenShellRunsIt) {
  tree_.payload("1", "echo by shell > " + log_);

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);

  EXPECT_EQ(log(), "by shell\n");
}

TEST_F(Script, GivenNoScripts_WhenInstalled_ThenRefused) {
  EXPECT_THAT(tree_.call("ArtifactInstall").err, HasSubstr("the payload has no script to run"));
}

TEST_F(Script, GivenInterruptedInstall_WhenInstalledAgain_ThenNothingRunsTwice) {
  add("1", "kill -9 $PPID\n");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 128 + 9);

  const auto again = tree_.call("ArtifactInstall");

  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("are not run again"));
  EXPECT_EQ(log(), "1\n");
}

TEST_F(Script, GivenNoMetaData_ThenNoRollbackAndNoReboot) {
  add("1");
  tree_.call("ArtifactInstall");

  EXPECT_EQ(tree_.call("SupportsRollback").out, "No\n");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "No\n");
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(log(), "1\n");
}

TEST_F(Script, GivenRollbackDeclared_WhenRolledBack_ThenRunsOnceWithNamesOfThoseThatStarted) {
  tree_.meta_data(R"({"rollback": "undo"})");
  add("1");
  add("2", "exit 1\n");
  add("3");
  add("undo");
  EXPECT_EQ(tree_.call("SupportsRollback").out, "Yes\n");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 1);

  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);

  EXPECT_EQ(log(), "1\n2\nundo 2 1\n");
}

TEST_F(Script, GivenRollbackWithoutInstall_ThenNothingRuns) {
  tree_.meta_data(R"({"rollback": "undo"})");
  add("1");
  add("undo");

  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(tree_.call("Cleanup").exit_code, 0);

  EXPECT_FALSE(fs::exists(log_));
}

TEST_F(Script, GivenFailingRollbackScript_WhenRepeated_ThenRunsAgain) {
  tree_.meta_data(R"({"rollback": "undo"})");
  add("1");
  add("undo", "test -e " + log_ + ".2 || { touch " + log_ + ".2; exit 1; }\n");
  tree_.call("ArtifactInstall");

  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 1);
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);

  EXPECT_EQ(log(), "1\nundo 1\nundo 1\n");
}

// A script of Mender's module has no such word: whatever it did was success.
TEST_F(Script, GivenVerifyDeclared_WhenItFails_ThenInstallFails) {
  tree_.meta_data(R"({"verify": "check", "rollback": "undo"})");
  add("1");
  add("check", "exit 4\n");
  add("undo");

  const auto result = tree_.call("ArtifactInstall");

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("verify: check: exit code 4"));
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);
  EXPECT_EQ(log(), "1\ncheck\nundo 1\n");
}

TEST_F(Script, GivenRebootDeclared_ThenVerifyRunsAfterItAndBeforeTheCommit) {
  tree_.meta_data(R"({"verify": "check", "commit": "done", "reboot": "automatic"})");
  add("1");
  add("check");
  add("done");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(log(), "1\n");
  EXPECT_EQ(tree_.call("ArtifactVerifyReboot").exit_code, 0);
  EXPECT_EQ(log(), "1\ncheck\n");
  EXPECT_EQ(tree_.call("ArtifactCommit").exit_code, 0);

  EXPECT_EQ(log(), "1\ncheck\ncheck\ndone\n");
}

TEST_F(Script, GivenVerifyThatFailsLater_WhenCommitted_ThenCommitFailsAndItsScriptDoesNotRun) {
  tree_.meta_data(R"({"verify": "check", "commit": "done"})");
  add("1");
  add("check", "test ! -e " + log_ + ".bad\n");
  add("done");
  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
  write_text(log_ + ".bad", "");

  EXPECT_EQ(tree_.call("ArtifactCommit").exit_code, 1);

  EXPECT_THAT(log(), Not(HasSubstr("done")));
}

TEST_F(Script, GivenCommitScript_WhenRolledBackAfterwards_ThenUndoKnowsOfIt) {
  tree_.meta_data(R"({"commit": "done", "rollback": "undo"})");
  add("1");
  add("done", "exit 1\n");
  add("undo");
  tree_.call("ArtifactInstall");

  EXPECT_EQ(tree_.call("ArtifactCommit").exit_code, 1);
  EXPECT_EQ(tree_.call("ArtifactRollback").exit_code, 0);

  EXPECT_EQ(log(), "1\ndone\nundo done 1\n");
}

TEST_F(Script, GivenCutAtAnyCall_WhenRolledBack_ThenUndoKnowsWhatMayHaveRun) {
  for (unsigned nth = 1;; ++nth) {
    const TempDir place;
    ModuleTree tree{PATCHBAY_MODULE_PROGRAM, "script"};
    tree.meta_data(R"({"rollback": "undo"})");
    tree.payload("1", "#!/bin/sh\necho x > " + (place / "effect"));
    tree.payload("undo", "#!/bin/sh\nrm -f " + (place / "effect"));

    const auto cut = tree.call_and_cut("ArtifactInstall", nth);
    ASSERT_EQ(tree.call("ArtifactRollback").exit_code, 0);
    ASSERT_EQ(tree.call("ArtifactFailure").exit_code, 0);
    ASSERT_EQ(tree.call("Cleanup").exit_code, 0);

    EXPECT_FALSE(fs::exists(place / "effect")) << cut.call << " " << cut.subject;
    if (!cut.reached) break;
  }
}

TEST_F(Script, GivenRebootDeclared_ThenAskedForOnlyWhenSomethingRan) {
  tree_.meta_data(R"({"reboot": "automatic"})");
  add("1");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "No\n");

  tree_.call("ArtifactInstall");

  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "Automatic\n");
}

TEST_F(Script, GivenPlanAndDescription_ThenTheyFollowTheMetaData) {
  tree_.meta_data(R"({"rollback": "undo", "reboot": "automatic"})");
  EXPECT_THAT(tree_.call("Describe").out,
              AllOf(HasSubstr(R"("rollback":"yes")"), HasSubstr(R"("reboot":"always")")));
  EXPECT_EQ(tree_.call("Plan").out, "run the scripts of the payload, rollback by undo\n");
  add("1");
  add("undo");

  EXPECT_THAT(tree_.call("Plan").out, AllOf(HasSubstr("run 1 ("), Not(HasSubstr("run undo"))));
}

TEST_F(Script, GivenNoArtifact_WhenDescribed_ThenItSaysWhatItIs) {
  fs::remove(tree_ / "header/meta-data");

  EXPECT_THAT(tree_.call("Describe").out,
              AllOf(HasSubstr(R"("type":"script")"), HasSubstr(R"("rollback":"no")")));
}

struct BadMetaData {
  std::string name;
  std::string json;
  std::string message;
};
class ScriptBadMetaData : public Script, public ::testing::WithParamInterface<BadMetaData> {};

TEST_P(ScriptBadMetaData, GivenBadMetaData_ThenDownloadAndInstallAreRefusedAndNothingRuns) {
  tree_.meta_data(GetParam().json);
  add("1");

  const auto download = tree_.call("Download");
  const auto install = tree_.call("ArtifactInstall");

  EXPECT_EQ(download.exit_code, GetParam().name.ends_with("Missing") ? 0 : 1);
  EXPECT_EQ(install.exit_code, 1);
  EXPECT_THAT(install.err, HasSubstr(GetParam().message));
  EXPECT_FALSE(fs::exists(log_));
}

INSTANTIATE_TEST_SUITE_P(
    All, ScriptBadMetaData,
    ::testing::Values(
        BadMetaData{"NotJson", "{", "meta-data is not JSON"},
        BadMetaData{"MisspeltKey", R"({"rolback": "undo"})", "is 'rollback' meant?"},
        BadMetaData{"RebootNumber", R"({"reboot": 1})", "'reboot' must be a string"},
        BadMetaData{"RebootWord", R"({"reboot": "maybe"})", "can be no or automatic"},
        BadMetaData{"RollbackList", R"({"rollback": ["a"]})", "'rollback' must be a string"},
        BadMetaData{"RollbackPath", R"({"rollback": "../a"})", "must be the name of a payload"},
        BadMetaData{"VerifyPath", R"({"verify": "a/b"})", "'verify' is 'a/b'"},
        BadMetaData{"CommitNumber", R"({"commit": 7})", "'commit' must be a string"},
        BadMetaData{"CommitMissing", R"({"commit": "x"})", "has no file 'x'"},
        BadMetaData{"VerifyMissing", R"({"verify": "x"})", "has no file 'x'"},
        BadMetaData{"RollbackMissing", R"({"rollback": "undo"})", "has no file 'undo'"}),
    [](const auto& test) { return test.param.name; });

TEST_F(Script, GivenMetaDataOfSomebodyElse_ThenItIsLeftAlone) {
  tree_.meta_data(R"({"rebooting": true, "x": [1, {"reboot": 2}]})");
  add("1");

  EXPECT_EQ(tree_.call("ArtifactInstall").exit_code, 0);
}

// The same program, unchanged, under the client that the protocol comes from.
// It commits at once what cannot be rolled back.
TEST_F(Script, GivenDebiansMenderClient_WhenInstalled_ThenScriptsHaveRun) {
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "script"};
  write_text(directory_ / "payload/one", logging("one"));
  write_text(directory_ / "payload/two", logging("two"));
  device.write_artifact("script", {directory_ / "payload/two", directory_ / "payload/one"});

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;

  EXPECT_EQ(log(), "one\ntwo\n");
}

TEST_F(Script, GivenDebiansMenderClient_WhenRolledBack_ThenRollbackScriptHasRun) {
  MenderDevice device{PATCHBAY_MODULE_PROGRAM, "script"};
  write_text(directory_ / "payload/one", logging("one"));
  write_text(directory_ / "payload/undo", logging("undo"));
  device.write_artifact("script", {directory_ / "payload/one", directory_ / "payload/undo"},
                        R"({"rollback": "undo"})");

  const auto installed = device.mender("install " + device.artifact());
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  const auto back = device.mender("rollback");
  ASSERT_EQ(back.exit_code, 0) << back.out;

  EXPECT_EQ(log(), "one\nundo one\n");
}

}  // namespace
}  // namespace patchbay::testing
