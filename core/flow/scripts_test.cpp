#include "core/flow/scripts.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <ostream>
#include <sstream>
#include <thread>

#include "core/os/file.hpp"
#include "tests/support/collecting_log.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::flow {
namespace {

using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_script;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using OnFailure = Scripts::OnFailure;

class ScriptsTest : public ::testing::Test {
 protected:
  ScriptsTest() {
    settings_.device_directory = directory_ / "device";
    settings_.artifact_directory = directory_ / "artifact";
    settings_.environment = {"PATH=/usr/bin:/bin", "OUT=" + directory_.path()};
    settings_.timeout = std::chrono::seconds{20};
    settings_.retry_interval = std::chrono::milliseconds{10};
    settings_.retry_timeout = std::chrono::seconds{20};
  }

  /// A script that logs its name and then does `body`.
  void script(const std::string& name, const std::string& body = "",
              const std::string& place = "artifact") const {
    write_script(directory_ / (place + "/" + name),
                 "#!/bin/sh\necho " + name + " >> $OUT/ran\n" + body + "\n");
  }
  [[nodiscard]] std::vector<std::string> ran() const {
    std::vector<std::string> names;
    std::istringstream text{read_text(directory_ / "ran")};
    for (std::string line; std::getline(text, line);)
      names.push_back(line);
    return names;
  }
  [[nodiscard]] Status run(std::string_view group, OnFailure on_failure = OnFailure::stop) {
    return scripts_.run(group, on_failure);
  }

  TempDir directory_;
  CollectingLog log_;
  ScriptSettings settings_;
  Scripts scripts_{settings_, log_};
};

struct NameCase {
  const char* name;
  const char* file;
  bool runs;
  friend void PrintTo(const NameCase& name, std::ostream* out) { *out << name.name; }
};

class ScriptName : public ScriptsTest, public ::testing::WithParamInterface<NameCase> {};

TEST_P(ScriptName, GivenAFileOfThatName_WhenTheGroupRuns_ThenItRunsOnlyIfItBelongsToIt) {
  write_script(directory_ / ("artifact/" + std::string{GetParam().file}),
               "#!/bin/sh\n: > $OUT/it-ran\n");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_EQ(std::filesystem::exists(directory_ / "it-ran"), GetParam().runs);
  EXPECT_EQ(scripts_.any("ArtifactInstall_Enter"), GetParam().runs);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ScriptName,
    ::testing::Values(NameCase{"NumberOnly", "ArtifactInstall_Enter_00", true},
                      NameCase{"WithText", "ArtifactInstall_Enter_99_stop-service", true},
                      NameCase{"TextWithDotsAndUnderscores", "ArtifactInstall_Enter_05_a.b_c",
                               true},
                      NameCase{"OneDigit", "ArtifactInstall_Enter_9", false},
                      NameCase{"ThreeDigits", "ArtifactInstall_Enter_100", false},
                      NameCase{"NoNumber", "ArtifactInstall_Enter_ab", false},
                      NameCase{"TextWithoutUnderscore", "ArtifactInstall_Enter_05-bar", false},
                      NameCase{"EmptyText", "ArtifactInstall_Enter_05_", false},
                      NameCase{"WhiteSpace", "ArtifactInstall_Enter_05_a b", false},
                      NameCase{"NewLine", "ArtifactInstall_Enter_05_a\nb", false},
                      NameCase{"OtherCase", "artifactinstall_enter_05", false},
                      NameCase{"OtherGroup", "ArtifactInstall_Leave_05", false},
                      NameCase{"LongerState", "ArtifactInstall_EnterX_05", false},
                      NameCase{"Prefixed", "xArtifactInstall_Enter_05", false},
                      NameCase{"GroupAlone", "ArtifactInstall_Enter", false}),
    [](const auto& test) { return test.param.name; });

TEST_F(ScriptsTest, GivenRebootScripts_WhenTheRollbackRebootRuns_ThenTheyAreToldApart) {
  script("ArtifactReboot_Enter_00");
  script("ArtifactRollbackReboot_Enter_00");

  EXPECT_THAT(run("ArtifactReboot_Enter"), IsOk());
  EXPECT_THAT(ran(), ElementsAre("ArtifactReboot_Enter_00"));
}

TEST_F(ScriptsTest, GivenSeveral_WhenRun_ThenTheOrderIsThatOfTheBytes) {
  for (const char* const name :
       {"ArtifactCommit_Enter_10", "ArtifactCommit_Enter_05_foo", "ArtifactCommit_Enter_05_a.b",
        "ArtifactCommit_Enter_05", "ArtifactCommit_Enter_05_Z"})
    script(name);

  EXPECT_THAT(run("ArtifactCommit_Enter"), IsOk());

  EXPECT_THAT(ran(), ElementsAre("ArtifactCommit_Enter_05", "ArtifactCommit_Enter_05_Z",
                                 "ArtifactCommit_Enter_05_a.b", "ArtifactCommit_Enter_05_foo",
                                 "ArtifactCommit_Enter_10"));
}

TEST_F(ScriptsTest, GivenNoDirectory_WhenRun_ThenThereIsNothingToDo) {
  EXPECT_FALSE(scripts_.any("ArtifactInstall_Enter"));
  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());
}

TEST_F(ScriptsTest, GivenBothDirectories_WhenRun_ThenDownloadIsTheDevicesAndTheRestTheArtifacts) {
  script("Download_Enter_00", "", "device");
  script("Download_Enter_01_artifact", "", "artifact");
  script("ArtifactInstall_Enter_00", "", "artifact");
  script("ArtifactInstall_Enter_01_device", "", "device");

  EXPECT_THAT(run("Download_Enter"), IsOk());
  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_THAT(ran(), ElementsAre("Download_Enter_00", "ArtifactInstall_Enter_00"));
}

TEST_F(ScriptsTest, GivenOneThatFails_WhenRunToTheFirstFailure_ThenTheRestDoesNotRun) {
  script("ArtifactInstall_Enter_00");
  script("ArtifactInstall_Enter_01", "exit 3");
  script("ArtifactInstall_Enter_02");

  const Status status = run("ArtifactInstall_Enter");

  EXPECT_THAT(status, FailsWith(ErrorCode::module_failed,
                                AllOf(HasSubstr("ArtifactInstall_Enter_01"), HasSubstr("3"))));
  EXPECT_THAT(ran(), SizeIs(2));
}

TEST_F(ScriptsTest, GivenTwoThatFail_WhenAllRun_ThenTheErrorIsTheFirst) {
  script("ArtifactFailure_Enter_00", "exit 4");
  script("ArtifactFailure_Enter_01", "exit 5");
  script("ArtifactFailure_Enter_02");

  const Status status = run("ArtifactFailure_Enter", OnFailure::run_all);

  EXPECT_THAT(status, FailsWith(ErrorCode::module_failed, HasSubstr("ArtifactFailure_Enter_00")));
  EXPECT_THAT(ran(), SizeIs(3));
  EXPECT_THAT(log_.text(), HasSubstr("ArtifactFailure_Enter_01"));
}

TEST_F(ScriptsTest, GivenAFailureEarlier_WhenALaterGroupSucceeds_ThenItSucceeds) {
  script("ArtifactFailure_Enter_00", "exit 4");
  script("ArtifactFailure_Leave_00");

  EXPECT_FALSE(run("ArtifactFailure_Enter", OnFailure::run_all).has_value());
  EXPECT_THAT(run("ArtifactFailure_Leave", OnFailure::run_all), IsOk());
}

TEST_F(ScriptsTest, GivenOneKilledBySignal_WhenRun_ThenTheErrorSaysSo) {
  script("ArtifactInstall_Enter_00", "kill -SEGV $$");

  EXPECT_THAT(run("ArtifactInstall_Enter"),
              FailsWith(ErrorCode::module_failed, HasSubstr("signal 11")));
}

TEST_F(ScriptsTest, GivenOneThatIsNotExecutable_WhenRun_ThenItIsSkippedWithAWarning) {
  write_text(directory_ / "artifact/ArtifactInstall_Enter_00", "#!/bin/sh\n: > $OUT/it-ran\n");
  script("ArtifactInstall_Enter_01");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_FALSE(std::filesystem::exists(directory_ / "it-ran"));
  EXPECT_THAT(ran(), ElementsAre("ArtifactInstall_Enter_01"));
  EXPECT_THAT(log_.text(), HasSubstr("ArtifactInstall_Enter_00 is not executable"));
}

TEST_F(ScriptsTest, GivenOneThatCannotBeStarted_WhenRun_ThenTheGroupFails) {
  write_script(directory_ / "artifact/ArtifactInstall_Enter_00", "#!/no/such/interpreter\n");

  EXPECT_THAT(run("ArtifactInstall_Enter"),
              FailsWith(ErrorCode::not_found, HasSubstr("ArtifactInstall_Enter_00")));
}

TEST_F(ScriptsTest, GivenOutput_WhenRun_ThenBothStreamsAreLoggedWithoutControlCharacters) {
  script("ArtifactInstall_Enter_00", "printf 'to out\\n'; printf 'to \\033[31merr\\n' >&2");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_THAT(log_.text(), HasSubstr("ArtifactInstall_Enter_00: to out"));
  EXPECT_THAT(log_.text(), HasSubstr("ArtifactInstall_Enter_00: to \\x1b[31merr"));
}

TEST_F(ScriptsTest, GivenOne_WhenRun_ThenItsEnvironmentIsTheListAndItHasNoArguments) {
  ::setenv("PATCHBAY_TEST_SECRET", "hush", 1);
  script("ArtifactInstall_Enter_00", "env > $OUT/env; echo $# $PWD > $OUT/arguments");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_THAT(read_text(directory_ / "env"), ::testing::Not(HasSubstr("hush")));
  EXPECT_EQ(read_text(directory_ / "arguments"), "0 /\n");
}

TEST_F(ScriptsTest, GivenOneThatAsksForLater_WhenItSucceedsThen_ThenTheGroupGoesOn) {
  script(
      "ArtifactInstall_Enter_00",
      "mkdir $OUT/first 2>/dev/null && exit 21; mkdir $OUT/second 2>/dev/null && exit 21; exit 0");
  script("ArtifactInstall_Enter_01");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());

  EXPECT_THAT(ran(), ElementsAre("ArtifactInstall_Enter_00", "ArtifactInstall_Enter_00",
                                 "ArtifactInstall_Enter_00", "ArtifactInstall_Enter_01"));
}

TEST_F(ScriptsTest, GivenOneThatAsksForLaterForEver_WhenItsTimeIsOver_ThenTheGroupFails) {
  settings_.retry_timeout = std::chrono::milliseconds{200};
  script("ArtifactInstall_Enter_00", "exit 21");
  script("ArtifactInstall_Enter_01");

  EXPECT_THAT(run("ArtifactInstall_Enter"),
              FailsWith(ErrorCode::timeout, HasSubstr("StateScriptRetryTimeoutSeconds")));

  EXPECT_GE(ran().size(), 2U);
  EXPECT_EQ(ran().back(), "ArtifactInstall_Enter_00");
}

TEST_F(ScriptsTest, GivenAnIntervalLongerThanTheRetryTime_WhenAskedForLater_ThenItRunsOnceMore) {
  settings_.retry_timeout = std::chrono::milliseconds{10};
  settings_.retry_interval = std::chrono::milliseconds{50};
  script("ArtifactInstall_Enter_00", "mkdir $OUT/first 2>/dev/null && exit 21; exit 0");

  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());
}

// Who was killed may need a moment to die of it. What was orphaned is reaped by init in its own
// time; until then it is a zombie.
bool ends_soon(const std::string& pid) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (std::chrono::steady_clock::now() < end) {
    const std::string stat = read_text("/proc/" + pid + "/stat");
    if (stat.empty() || stat.find(") Z") != stat.npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return false;
}

TEST_F(ScriptsTest, GivenOneThatHangs_WhenItsTimeIsOver_ThenItsWholeGroupIsGone) {
  settings_.timeout = std::chrono::milliseconds{300};
  script("ArtifactInstall_Enter_00",
         "sh -c 'echo $$ > $OUT/grandchild; sleep 600' &\necho $$ > $OUT/child; wait; sleep 600");

  const Status status = run("ArtifactInstall_Enter");

  EXPECT_THAT(status, FailsWith(ErrorCode::timeout, HasSubstr("StateScriptTimeoutSeconds")));
  for (const char* const who : {"child", "grandchild"}) {
    const std::string pid = read_text(directory_ / who);
    ASSERT_FALSE(pid.empty()) << who;
    EXPECT_TRUE(ends_soon(pid.substr(0, pid.size() - 1))) << who;
  }
}

struct VersionCase {
  const char* name;
  std::optional<std::string> text;
  bool accepted;
  friend void PrintTo(const VersionCase& version, std::ostream* out) { *out << version.name; }
};

class ScriptVersion : public ScriptsTest, public ::testing::WithParamInterface<VersionCase> {};

TEST_P(ScriptVersion, GivenThatVersionFile_WhenRun_ThenOnlyTwoAndThreeAreAccepted) {
  script("ArtifactInstall_Enter_00");
  write_text(directory_ / "device/x", "");
  if (GetParam().text) {
    write_text(directory_ / "artifact/version", *GetParam().text);
    write_text(directory_ / "device/version", *GetParam().text);
  }

  EXPECT_EQ(run("ArtifactInstall_Enter").has_value(), GetParam().accepted);
  EXPECT_EQ(scripts_.check_device_version().has_value(), GetParam().accepted);
  EXPECT_THAT(ran(), SizeIs(GetParam().accepted ? 1 : 0));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ScriptVersion,
    ::testing::Values(VersionCase{"Absent", std::nullopt, true}, VersionCase{"Two", "2", true},
                      VersionCase{"Three", "3", true}, VersionCase{"ThreeAndNewLine", "3\n", true},
                      VersionCase{"One", "1", false}, VersionCase{"Four", "4", false},
                      VersionCase{"Empty", "", false}, VersionCase{"Words", "three", false},
                      VersionCase{"ThreeAndMore", "3x", false},
                      VersionCase{"TwoLines", "3\n4\n", false},
                      VersionCase{"Huge", std::string(100000, '3'), false}),
    [](const auto& test) { return test.param.name; });

TEST_F(ScriptsTest, GivenAVersionWeCannotRun_WhenRefused_ThenTheErrorNamesTheFileAndTheValue) {
  write_text(directory_ / "device/version", "7\n");

  EXPECT_THAT(
      scripts_.check_device_version(),
      FailsWith(ErrorCode::unsupported, AllOf(HasSubstr("device/version"), HasSubstr("\"7\""))));
}

TEST_F(ScriptsTest, GivenScriptsOfAnArtifact_WhenInstalled_ThenOnlyTheOwnerCanReadAndRunThem) {
  write_text(directory_ / "artifact/ArtifactCommit_Enter_00_of_an_older_one", "x");

  ASSERT_THAT(scripts_.install({{"ArtifactInstall_Enter_00", "#!/bin/sh\necho new > $OUT/it\n"},
                                {"ArtifactInstall_Leave_00", ""}}),
              IsOk());

  EXPECT_THAT(os::list_directory(settings_.artifact_directory).value(),
              ElementsAre("ArtifactInstall_Enter_00", "ArtifactInstall_Leave_00", "version"));
  EXPECT_EQ(read_text(directory_ / "artifact/version"), "3");
  struct stat info {};
  ASSERT_EQ(::stat((directory_ / "artifact/ArtifactInstall_Enter_00").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
  ASSERT_EQ(::stat((directory_ / "artifact").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
  EXPECT_THAT(run("ArtifactInstall_Enter"), IsOk());
  EXPECT_EQ(read_text(directory_ / "it"), "new\n");
}

TEST_F(ScriptsTest, GivenAnArtifactWithoutScripts_WhenInstalled_ThenThoseBeforeAreGone) {
  script("ArtifactInstall_Enter_00");

  ASSERT_THAT(scripts_.install({}), IsOk());

  EXPECT_FALSE(std::filesystem::exists(settings_.artifact_directory));
}

TEST_F(ScriptsTest, GivenALinkInPlaceOfTheDirectory_WhenInstalled_ThenItsTargetIsNotTouched) {
  write_text(directory_ / "precious/file", "mine");
  std::filesystem::create_symlink(directory_ / "precious", directory_ / "artifact");

  ASSERT_THAT(scripts_.install({{"ArtifactInstall_Enter_00", "x"}}), IsOk());

  EXPECT_THAT(os::list_directory(directory_ / "precious").value(), ElementsAre("file"));
}

TEST_F(ScriptsTest, GivenANameThatLeavesTheDirectory_WhenInstalled_ThenItIsRefused) {
  EXPECT_FALSE(scripts_.install({{"../ArtifactInstall_Enter_00", "x"}}).has_value());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "ArtifactInstall_Enter_00"));
}

TEST_F(ScriptsTest, GivenTheSameNameTwice_WhenInstalled_ThenItIsRefused) {
  EXPECT_FALSE(
      scripts_.install({{"ArtifactInstall_Enter_00", "1"}, {"ArtifactInstall_Enter_00", "2"}})
          .has_value());
}

TEST_F(ScriptsTest, GivenScriptsOrNone_WhenRemoved_ThenNothingIsLeft) {
  script("ArtifactInstall_Enter_00");

  EXPECT_THAT(scripts_.remove(), IsOk());
  EXPECT_THAT(scripts_.remove(), IsOk());

  EXPECT_FALSE(std::filesystem::exists(settings_.artifact_directory));
}

}  // namespace
}  // namespace patchbay::flow
