#include "core/host/executable_module.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <sstream>

#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using namespace std::chrono_literals;
using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using ::testing::AllOf;
using testing::CollectingProgress;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProbeModule;

TEST(ModuleCall, GivenAState_WhenCalled_ThenTheProcessIsWhatTheProtocolSays) {
  ProbeModule probe{R"sh(
    { echo "argv0 $0"; echo "args $*"; echo "count $#"; echo "cwd $(pwd)"; } > $OUT/seen
    readlink /proc/self/fd/0 > $OUT/stdin
    ls /proc/self/fd | tr '\n' ' ' > $OUT/fds
    awk '{print $1, $5}' /proc/$$/stat > $OUT/group
    grep SigIgn /proc/self/status > $OUT/signals)sh"};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_EQ(probe.left("seen"), "argv0 " + probe.script() + "\nargs ArtifactInstall " +
                                    probe.tree.path() + "\ncount 2\ncwd " + probe.tree.path() +
                                    "\n");
  EXPECT_EQ(probe.left("stdin"), "/dev/null\n");
  EXPECT_EQ(probe.left("fds"), "0 1 2 3 ") << "3 is the directory that ls reads";
  std::istringstream group{probe.left("group")};
  long pid = 0;
  long its_group = 0;
  group >> pid >> its_group;
  EXPECT_EQ(pid, its_group);
  EXPECT_THAT(probe.left("signals"), HasSubstr("0000000000000000"));
}

TEST(ModuleCall, GivenAnEnvironment_WhenCalled_ThenTheModuleGetsExactlyThat) {
  ::setenv("PATCHBAY_TEST_LEAK", "1", 1);
  ProbeModule probe{"tr '\\0' '\\n' < /proc/$$/environ > $OUT/env"};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());
  ::unsetenv("PATCHBAY_TEST_LEAK");

  EXPECT_EQ(probe.left("env"), "PATH=/usr/bin:/bin\nOUT=" + probe.directory.path() + "\n");
}

TEST(ModuleCall, GivenAProgressSink_WhenCalled_ThenTheModuleIsToldItsDescriptor) {
  CollectingProgress progress;
  ProbeModule probe{"echo $PATCHBAY_PROGRESS_FD > $OUT/number; echo 'progress 42' >&3", &progress};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_EQ(probe.left("number"), "3\n");
  EXPECT_THAT(progress.seen, ElementsAre("42"));
}

TEST(ModuleCall, GivenAnUnknownCall_WhenTheModuleIgnoresIt_ThenThatIsSuccess) {
  ProbeModule probe{"case $1 in Known) echo yes;; esac; exit 0"};

  EXPECT_THAT(probe.module->call(Call::artifact_verify_reboot), IsOk());
  EXPECT_THAT(probe.module->ask(Call::describe), IsOkAnd(""));
  EXPECT_THAT(probe.module->ask(Call::plan), IsOkAnd(""));
}

TEST(ModuleCall, GivenAFailure_WhenCalled_ThenTheErrorSaysHowAndWhy) {
  ProbeModule probe{"echo trying >&2; echo 'cannot mount /boot' >&2; exit 3"};

  EXPECT_THAT(probe.module->call(Call::artifact_commit),
              FailsWith(ErrorCode::module_failed,
                        "probe: ArtifactCommit: exit code 3, saying \"cannot mount /boot\""));
}

TEST(ModuleCall, GivenASignal_WhenCalled_ThenTheErrorNamesIt) {
  ProbeModule probe{"kill -ABRT $$"};

  EXPECT_THAT(probe.module->call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed, HasSubstr("killed by signal 6")));
}

TEST(ModuleCall, GivenAHang_WhenTimeIsOver_ThenItIsStopped) {
  ProbeModule probe{"trap '' TERM; sleep 60", ProbeModule::hasty()};
  const auto start = std::chrono::steady_clock::now();

  EXPECT_THAT(probe.module->call(Call::artifact_install),
              FailsWith(ErrorCode::timeout,
                        HasSubstr("probe: ArtifactInstall: not finished within 300 ms")));

  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(ModuleCall, GivenAHangInAQuestion_WhenTimeIsOver_ThenItIsATimeout) {
  ProbeModule probe{"echo Yes; sleep 60", ProbeModule::hasty()};

  EXPECT_THAT(supports_rollback(*probe.module),
              FailsWith(ErrorCode::timeout, HasSubstr("SupportsRollback")));
}

TEST(ModuleCall, GivenADaemonThatHoldsEverything_WhenTheModuleExits_ThenTheCallEnds) {
  CollectingProgress progress;
  ProbeModule probe{"echo started; sleep 60 & exit 0", &progress};
  const auto start = std::chrono::steady_clock::now();

  EXPECT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  EXPECT_THAT(probe.log.text(), HasSubstr("started"));
}

TEST(ModuleCall, GivenAModuleThatIsGone_WhenCalled_ThenTheErrorNamesIt) {
  ProbeModule probe{""};
  std::filesystem::remove(probe.script());

  EXPECT_THAT(probe.module->call(Call::artifact_install),
              FailsWith(ErrorCode::not_found, HasSubstr(probe.script())));
}

TEST(ModuleCall, GivenAScriptWithoutItsInterpreter_WhenCalled_ThenItFailsAtOnce) {
  ProbeModule probe{""};
  patchbay::testing::write_script(probe.script(), "#!/no/such/shell\n");

  EXPECT_THAT(probe.module->call(Call::artifact_install),
              FailsWith(ErrorCode::not_found, HasSubstr("ArtifactInstall")));
}

TEST(ModuleCall, GivenNoTree_WhenCalled_ThenOnlyCleanupHasNothingToDo) {
  ProbeModule probe{"echo ran > $OUT/ran"};
  ASSERT_THAT(probe.tree.remove(), IsOk());

  EXPECT_THAT(probe.module->call(Call::cleanup), IsOk());
  EXPECT_THAT(probe.module->call(Call::artifact_rollback),
              FailsWith(ErrorCode::io, HasSubstr("work tree " + probe.tree.path() + " is gone")));
  EXPECT_EQ(probe.left("ran"), "");
}

TEST(ModuleCall, GivenAModuleThatDeletesItsTree_WhenCalled_ThenTheNextCallSaysSo) {
  ProbeModule probe{"cd /; rm -rf $2"};

  EXPECT_THAT(probe.module->call(Call::artifact_install), IsOk());
  EXPECT_THAT(probe.module->call(Call::artifact_commit),
              FailsWith(ErrorCode::io, HasSubstr("is gone")));
}

TEST(ModuleCall, GivenScratchFiles_WhenAnotherStateRuns_ThenTheyAreStillThere) {
  ProbeModule probe{
      "case $1 in ArtifactInstall) echo backup > tmp/b;; ArtifactRollback) cat tmp/b > "
      "$OUT/restored;; esac"};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());
  ASSERT_THAT(probe.module->call(Call::artifact_rollback), IsOk());

  EXPECT_EQ(probe.left("restored"), "backup\n");
}

TEST(ModuleOutput, GivenLinesOfAState_WhenLogged_ThenTypeCallAndStreamAreNamed) {
  ProbeModule probe{"echo one; echo two >&2; printf 'no end'"};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());

  const auto text = probe.log.text();
  EXPECT_THAT(text, HasSubstr("probe ArtifactInstall stdout: one\n"));
  EXPECT_THAT(text, HasSubstr("probe ArtifactInstall stderr: two\n"));
  EXPECT_THAT(text, HasSubstr("probe ArtifactInstall stdout: no end\n"));
}

TEST(ModuleOutput, GivenAQuestion_WhenAnswered_ThenOnlyComplaintsAreLogged) {
  ProbeModule probe{"echo Yes; echo hm >&2"};

  EXPECT_THAT(supports_rollback(*probe.module), IsOkAnd(true));

  EXPECT_THAT(probe.log.text(), AllOf(HasSubstr("hm"), Not(HasSubstr("Yes"))));
}

TEST(ModuleOutput, GivenControlCharacters_WhenLogged_ThenTheyAreHarmless) {
  ProbeModule probe{"printf '\\033[2Jwiped\\377\\n'"};

  ASSERT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_THAT(probe.log.text(),
              AllOf(HasSubstr("wiped"), Not(HasSubstr("\x1b")), Not(HasSubstr("\xff"))));
}

TEST(ModuleOutput, GivenAFlood_WhenLogged_ThenItIsCutOnceAndTheModuleEnds) {
  ProbeModule probe{"yes 'a line of a module that talks too much' | head -c 8000000; exit 0"};

  EXPECT_THAT(probe.module->call(Call::artifact_install), IsOk());

  const auto records = probe.log.records();
  EXPECT_LT(probe.log.text().size(), 4U * 1024 * 1024);
  EXPECT_EQ(records.back().first, LogLevel::warning);
  EXPECT_THAT(records.back().second, HasSubstr("the rest is not logged"));
}

TEST(ModuleOutput, GivenAFloodOfEmptyLines_WhenLogged_ThenItIsCutToo) {
  ProbeModule probe{"yes '' | head -c 1000000"};

  EXPECT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_LT(probe.log.records().size(), 100000U);
}

struct Answered {
  const char* name;
  const char* body;
  const char* answer;
};

class Answers : public ::testing::TestWithParam<Answered> {};

TEST_P(Answers, WhenAsked_ThenTheWholeOutputCounts) {
  ProbeModule probe{GetParam().body};

  EXPECT_THAT(probe.module->ask(Call::needs_artifact_reboot), IsOkAnd(GetParam().answer));
}

constexpr Answered kAnswers[] = {
    {"nothing", "", ""},
    {"a_line", "echo Yes", "Yes"},
    {"no_line_end", "printf Yes", "Yes"},
    {"two_writes_with_a_pause", "printf Auto; sleep 0.1; echo matic", "Automatic"},
    {"a_late_line_end", "printf No; sleep 0.1; echo", "No"},
    {"two_line_ends", "printf 'Yes\\n\\n'", "Yes\n"},
    {"two_lines", "echo Yes; echo No", "Yes\nNo"},
    {"carriage_return", "printf 'Yes\\r\\n'", "Yes\r"},
    {"only_a_line_end", "echo", ""},
};
INSTANTIATE_TEST_SUITE_P(ModuleCall, Answers, ::testing::ValuesIn(kAnswers),
                         [](const auto& row) { return row.param.name; });

TEST(ModuleCall, GivenAnAnswerAndAFailure_WhenAsked_ThenTheFailureCounts) {
  ProbeModule probe{"echo Yes; exit 1"};

  EXPECT_THAT(supports_rollback(*probe.module),
              FailsWith(ErrorCode::module_failed, HasSubstr("SupportsRollback: exit code 1")));
}

TEST(ModuleCall, GivenAnEndlessAnswer_WhenAsked_ThenItIsRefused) {
  ProbeModule probe{"yes | head -c 1000000"};

  EXPECT_THAT(needs_reboot(*probe.module),
              FailsWith(ErrorCode::module_failed, HasSubstr("answered with more than 64")));
}

TEST(ModuleCall, GivenAnUnknownAnswer_WhenAsked_ThenItIsQuoted) {
  ProbeModule probe{"echo perhaps"};

  EXPECT_THAT(needs_reboot(*probe.module),
              FailsWith(ErrorCode::module_failed,
                        AllOf(HasSubstr("NeedsArtifactReboot"), HasSubstr("\"perhaps\""))));
}

TEST(ModuleCall, GivenAnAnswerThatDependsOnTheTree_WhenAskedAgain_ThenTheNewOneCounts) {
  ProbeModule probe{
      "case $1 in ArtifactRollback) touch tmp/marker;; NeedsArtifactReboot) [ -e "
      "tmp/marker ] && echo Automatic;; esac; exit 0"};

  EXPECT_THAT(needs_reboot(*probe.module), IsOkAnd(Reboot::no));
  ASSERT_THAT(probe.module->call(Call::artifact_rollback), IsOk());
  EXPECT_THAT(needs_reboot(*probe.module), IsOkAnd(Reboot::automatic));
}

TEST(BindModule, GivenAPlugin_WhenBound_ThenItsFileIsOpened) {
  CollectingLog log;

  EXPECT_THAT(bind_module({"app", "/lib/app.so", Binding::plugin}, "/tree", {}, log, nullptr),
              FailsWith(ErrorCode::not_found, HasSubstr("/lib/app.so")));
}

}  // namespace
}  // namespace patchbay::host
