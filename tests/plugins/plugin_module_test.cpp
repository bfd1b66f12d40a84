// A plugin of every kind of behaviour, in the real module host.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "tests/plugins/probe.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using namespace std::chrono_literals;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using ::testing::AllOf;
using testing::CollectingProgress;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemorySource;
using ::testing::Not;
using testing::ProbePlugin;

// Long enough to start a process on a machine that is busy with other tests.
constexpr std::chrono::seconds kShort{3};

void hasty(ModuleSettings& settings) {
  settings.timeout = kShort;
}

TEST(PluginModule, GivenAPlugin_WhenCalled_ThenOneProcessServesAllCalls) {
  ProbePlugin probe{{}};

  EXPECT_THAT(probe.module().call(Call::artifact_install), IsOk());
  EXPECT_THAT(probe.module().call(Call::artifact_commit), IsOk());
  EXPECT_THAT(probe.module().call(Call::cleanup), IsOk());
  probe.release();

  EXPECT_EQ(probe.left("calls"), "ArtifactInstall\nArtifactCommit\nCleanup\n");
  EXPECT_EQ(probe.left("destroyed"), "3\n");
}

TEST(PluginModule, GivenItsProcess_WhenItLooksAround_ThenThereIsOnlyWhatItNeeds) {
  ::setenv("SECRET", "leaked", 1);
  ProbePlugin probe{{{"create", "describe"}}};

  ASSERT_THAT(probe.module().call(Call::artifact_install), IsOk());
  ::unsetenv("SECRET");

  EXPECT_EQ(probe.left("env"), "/usr/bin:/bin|\n");
  EXPECT_EQ(probe.left("core"), "0\n");
  EXPECT_EQ(probe.left("type"), "probe\n");
  EXPECT_EQ(probe.left("extension"), "none\n");
  const auto tree = probe.tree.path();
  EXPECT_EQ(probe.left("paths"), tree + "\n" + tree + "/tmp\n" + tree + "/files\n0\n");
}

TEST(PluginModule, GivenQuestions_WhenAsked_ThenAnswersAreThoseOfTheProtocol) {
  ProbePlugin probe{{{"NeedsArtifactReboot", "Automatic"}}};

  EXPECT_THAT(needs_reboot(probe.module()), IsOkAnd(Reboot::automatic));
  EXPECT_THAT(supports_rollback(probe.module()), IsOkAnd(true));
  EXPECT_THAT(probe.module().ask(Call::plan), IsOkAnd("replace one thing\nand another"));
}

TEST(PluginModule, GivenAnAnswerThatIsNone_WhenAsked_ThenItIsQuoted) {
  ProbePlugin probe{{{"NeedsArtifactReboot", "strange"}, {"SupportsRollback", "fail"}}};

  EXPECT_THAT(needs_reboot(probe.module()),
              FailsWith(ErrorCode::module_failed, HasSubstr("number 1234")));
  EXPECT_THAT(
      supports_rollback(probe.module()),
      FailsWith(ErrorCode::module_failed, HasSubstr("SupportsRollback: cannot mount /boot")));
}

TEST(PluginModule, GivenADescriptor_WhenAskedToDescribe_ThenThePluginDoesNotRun) {
  ProbePlugin probe{{}};

  const auto described = probe.module().ask(Call::describe);

  EXPECT_THAT(described,
              IsOkAnd(R"({"type":"probe","description":"Does what \"the test\" says",)"
                      R"("rollback":"yes","reboot":"never","streams":false,"version":"1.2-test",)"
                      R"("writes":["/etc/probe","/opt/probe"]})"));
  EXPECT_EQ(probe.left("destroyed"), "");
}

TEST(PluginModule, GivenReports_WhenAStateRuns_ThenTheyArrive) {
  ProbePlugin probe{{{"ArtifactInstall", "report"}, {"ArtifactCommit", "print"}}};
  CollectingProgress progress;

  EXPECT_THAT(probe.module(&progress).call(Call::artifact_install), IsOk());
  EXPECT_THAT(probe.module(&progress).call(Call::artifact_commit), IsOk());

  EXPECT_THAT(progress.seen, ElementsAre("42", "half way"));
  EXPECT_THAT(probe.log.text(), AllOf(HasSubstr("probe ArtifactInstall: a warning"),
                                      HasSubstr("probe ArtifactCommit stdout: out"),
                                      HasSubstr("probe ArtifactCommit stderr: err")));
}

// ---- what goes wrong, and what is said about it ----

struct Misdeed {
  const char* name;
  const char* action;
  ErrorCode code;
  const char* message;
};

class PluginMisdeeds : public ::testing::TestWithParam<Misdeed> {};

TEST_P(PluginMisdeeds, GivenIt_WhenTheStateRuns_ThenTheErrorIsPreciseAndTheNextCallWorks) {
  ProbePlugin probe{{{"ArtifactInstall", GetParam().action}},
                    "probe",
                    [](ModuleSettings& settings) { settings.timeout = 10s; }};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(GetParam().code, AllOf(HasSubstr("probe: ArtifactInstall: "),
                                               HasSubstr(GetParam().message))));

  EXPECT_THAT(supports_rollback(probe.module()), IsOkAnd(true));
  EXPECT_THAT(probe.module().call(Call::artifact_rollback), IsOk());
}

INSTANTIATE_TEST_SUITE_P(
    All, PluginMisdeeds,
    ::testing::Values(
        Misdeed{"Fails", "fail", ErrorCode::module_failed, "ArtifactInstall: cannot mount /boot"},
        Misdeed{"FailsSilently", "fail-silently", ErrorCode::module_failed,
                "without a word in its pb_error_t, code 77"},
        Misdeed{"NoSpace", "no-space", ErrorCode::no_space, "/data needs 4 MiB more"},
        Misdeed{"Crashes", "crash", ErrorCode::module_failed, "crashed: killed by signal 11"},
        Misdeed{"Aborts", "abort", ErrorCode::module_failed, "crashed: killed by signal 6"},
        Misdeed{"Exits", "exit", ErrorCode::module_failed, "ended its process: exit code 0"},
        Misdeed{"SmashesHeap", "smash-heap", ErrorCode::module_failed, "crashed: killed by signal"},
        Misdeed{"ForksAndExits", "fork-and-exit", ErrorCode::module_failed, "exit code 3"},
        Misdeed{"Throws", "throw", ErrorCode::module_failed, "escaped from the plugin: bottle out"},
        Misdeed{"ThrowsANumber", "throw-number", ErrorCode::module_failed, "exception escaped"},
        Misdeed{"WritesJunk", "junk", ErrorCode::module_failed, "not a frame"},
        Misdeed{"ClosesTheSocket", "close-socket", ErrorCode::module_failed, "ended its process"},
        Misdeed{"AsksForAFile", "ask-file", ErrorCode::module_failed, "outside of download"},
        Misdeed{"BadKey", "bad-key", ErrorCode::module_failed, "a key is 1 to 64 of"}),
    [](const auto& param) { return std::string{param.param.name}; });

TEST(PluginModule, GivenAHang_WhenTimeIsOver_ThenItIsStopped) {
  ProbePlugin probe{{{"ArtifactInstall", "hang"}}, "probe", hasty};
  const auto start = std::chrono::steady_clock::now();

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::timeout,
                        "probe: ArtifactInstall: not finished within 3 s "
                        "(ModuleTimeoutSeconds), stopped"));

  EXPECT_LT(std::chrono::steady_clock::now() - start, kShort + 10s);
  EXPECT_THAT(probe.module().call(Call::artifact_rollback), IsOk());
}

TEST(PluginModule, GivenOneThatAsksWhetherToStop_WhenTimeIsOver_ThenItEndsAtASafePlace) {
  ProbePlugin probe{{{"ArtifactInstall", "wait-for-cancel"}}, "cancellable", [](ModuleSettings& s) {
                      s.timeout = kShort;
                      s.grace = 10s;
                    }};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::timeout, HasSubstr("not finished within 3 s")));

  EXPECT_EQ(probe.left("cancelled"), "yes\n");
}

class PluginFloods : public ::testing::TestWithParam<const char*> {};

TEST_P(PluginFloods, GivenOne_WhenTheStateRuns_ThenTheLogIsBoundedAndTheCallEnds) {
  ProbePlugin probe{{{"ArtifactInstall", GetParam()}}};
  CollectingProgress progress;

  EXPECT_THAT(probe.module(&progress).call(Call::artifact_install), IsOk());

  EXPECT_LT(probe.log.text().size(), 4 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(All, PluginFloods,
                         ::testing::Values("flood-log", "flood-output", "flood-progress"),
                         [](const auto& param) { return std::string{param.param + 6}; });

TEST(PluginModule, GivenAFailingCreate_WhenCalled_ThenTheErrorIsItsOwn) {
  ProbePlugin probe{{{"create", "fail"}}};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed,
                        AllOf(HasSubstr(probe.file.path), HasSubstr("no such device"))));
}

TEST(PluginModule, GivenACreateThatCrashes_WhenCalled_ThenTheErrorSaysSo) {
  ProbePlugin probe{{{"create", "crash"}}};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed, HasSubstr("crashed: killed by signal 11")));
}

TEST(PluginModule, GivenACreateThatMakesNothing_WhenCalled_ThenTheErrorSaysSo) {
  ProbePlugin probe{{{"create", "nothing"}}};

  EXPECT_THAT(probe.module().call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed, HasSubstr("create made no instance")));
}

struct Farewell {
  const char* name;
  const char* action;
  ErrorCode code;
  const char* message;
};

class PluginFarewells : public ::testing::TestWithParam<Farewell> {};

TEST_P(PluginFarewells, GivenABadOne_WhenEnded_ThenTheErrorSaysSoAndTheNextCallWorks) {
  ProbePlugin probe{{{"destroy", GetParam().action}}};
  ASSERT_THAT(probe.module().call(Call::artifact_install), IsOk());

  EXPECT_THAT(probe.module().end(),
              FailsWith(GetParam().code,
                        AllOf(HasSubstr("probe: destroy: "), HasSubstr(GetParam().message))));

  EXPECT_THAT(probe.module().call(Call::artifact_commit), IsOk());
  probe.release();
  EXPECT_THAT(probe.log.text(), HasSubstr("probe: destroy: "));
}

INSTANTIATE_TEST_SUITE_P(All, PluginFarewells,
                         ::testing::Values(Farewell{"Crashes", "crash", ErrorCode::module_failed,
                                                    "the plugin crashed: killed by signal 11"},
                                           Farewell{"Hangs", "hang", ErrorCode::timeout,
                                                    "not finished within 5 s, killed"},
                                           Farewell{"LeavesAThread", "leave-thread",
                                                    ErrorCode::module_failed,
                                                    "threads that still run after destroy: 1"}),
                         [](const auto& param) { return std::string{param.param.name}; });

TEST(PluginModule, GivenADestroyThatJoinsItsThread_WhenEnded_ThenAllIsWell) {
  ProbePlugin probe{{{"destroy", "join-thread"}}};
  ASSERT_THAT(probe.module().call(Call::artifact_install), IsOk());

  EXPECT_THAT(probe.module().end(), IsOk());
  EXPECT_THAT(probe.module().end(), IsOk());
  EXPECT_EQ(probe.left("destroyed"), "1\n");
}

TEST(PluginModule, GivenAKindOfFailureWithoutAMessage_WhenAStateRuns_ThenItsLastLineIsQuoted) {
  ProbePlugin probe{{{"ArtifactInstall", "complain"}}};

  EXPECT_THAT(
      probe.module().call(Call::artifact_install),
      FailsWith(ErrorCode::module_failed, HasSubstr("code -1, saying \"the flash is worn out\"")));
}

TEST(PluginModule, GivenKeptState_WhenAnotherProcessAsks_ThenItIsThere) {
  ProbePlugin probe{{{"ArtifactInstall", "keep-state"}, {"ArtifactRollback", "recall-state"}}};
  ASSERT_THAT(probe.module().call(Call::artifact_install), IsOk());
  probe.release();

  EXPECT_THAT(probe.module().call(Call::artifact_rollback), IsOk());
  EXPECT_EQ(probe.left("recalled"), "3b\n");

  EXPECT_THAT(probe.module().call(Call::artifact_rollback),
              FailsWith(ErrorCode::module_failed, HasSubstr("No such file")));
}

TEST(PluginModule, GivenNoTree_WhenCalled_ThenOnlyCleanupHasNothingToDo) {
  ProbePlugin probe{{}};
  ASSERT_THAT(probe.tree.remove(), IsOk());

  EXPECT_THAT(probe.module().call(Call::cleanup), IsOk());
  EXPECT_THAT(probe.module().call(Call::artifact_rollback),
              FailsWith(ErrorCode::io, HasSubstr("is gone")));
}

// ---- payload streams ----

TEST(PluginDownload, GivenStreams_WhenRead_ThenEveryFileArrivesWithItsSize) {
  ProbePlugin probe{{{"stream", "read"}}};
  MemorySource source{{{"a", "first"}, {"empty", ""}, {"big", std::string(3'000'000, 'x')}}, 4096};

  EXPECT_THAT(probe.module().download(source), IsOk());

  EXPECT_EQ(probe.left("files"), "a 5 first\nempty 0 \nbig 3000000 3000000\n");
  EXPECT_TRUE(source.exhausted());
  EXPECT_FALSE(std::filesystem::exists(probe.tree.path() + "/files"));
}

TEST(PluginDownload, GivenFilesThatAreSkipped_WhenStreamed_ThenTheRestStillArrives) {
  ProbePlugin probe{{{"stream", "skip"}}};
  MemorySource source{{{"a", std::string(3'000'000, 'x')}, {"b", "second"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());

  EXPECT_EQ(probe.left("files"), "a 3000000 \nb 6 \n");
  EXPECT_TRUE(source.exhausted());
}

class LeavingOut : public ::testing::TestWithParam<const char*> {};

TEST_P(LeavingOut, GivenAPluginThatHasThePayload_WhenItSaysSo_ThenTheRestIsNotSent) {
  ProbePlugin probe{{{"stream", GetParam()}}};
  MemorySource source{{{"a", std::string(3'000'000, 'x')}, {"b", "second"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());

  EXPECT_TRUE(source.skipped());
  EXPECT_FALSE(source.exhausted());
  EXPECT_FALSE(std::filesystem::exists(probe.tree.path() + "/files"));
  EXPECT_THAT(probe.module().call(Call::artifact_install), IsOk());
}

INSTANTIATE_TEST_SUITE_P(PluginDownload, LeavingOut,
                         ::testing::Values("leave-out-all", "leave-out-first", "leave-out-rest",
                                           "leave-out-late"));

TEST(PluginDownload, GivenAPluginThatLeavesThePayloadOutAndFails_WhenDownloaded_ThenSoItIs) {
  ProbePlugin probe{{{"stream", "leave-out-and-fail"}}};
  MemorySource source{{{"a", std::string(3'000'000, 'x')}}};

  EXPECT_THAT(probe.module().download(source),
              FailsWith(ErrorCode::module_failed, HasSubstr("not mounted")));

  EXPECT_FALSE(source.skipped());
}

TEST(PluginDownload, GivenAPluginThatAsksForNothing_WhenDownloaded_ThenTheFilesAreStored) {
  ProbePlugin probe{{}};
  MemorySource source{{{"a", "first"}, {"b", "second"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());

  EXPECT_EQ(patchbay::testing::read_text(probe.tree.path() + "/files/b"), "second");
}

TEST(PluginDownload, GivenSizesWanted_WhenDownloaded_ThenTheQuestionCameFirst) {
  ProbePlugin probe{{{"ProvidePayloadFileSizes", "Yes"}}};
  MemorySource source{{{"a", "first"}}};

  EXPECT_THAT(probe.module().download(source), IsOk());

  EXPECT_EQ(probe.left("calls"), "ProvidePayloadFileSizes\nDownload\n");
}

struct BrokenDownload {
  const char* name;
  const char* how;
  ErrorCode code;
  const char* message;
};

class BrokenDownloads : public ::testing::TestWithParam<BrokenDownload> {};

TEST_P(BrokenDownloads, GivenIt_WhenDownloaded_ThenTheErrorSaysHowFarItCame) {
  ProbePlugin probe{{{"stream", GetParam().how}}, "probe", [](ModuleSettings& settings) {
                      if (GetParam().code == ErrorCode::timeout) hasty(settings);
                    }};
  MemorySource source{{{"a", "first"}, {"b", std::string(3'000'000, 'x')}}};

  EXPECT_THAT(probe.module().download(source),
              FailsWith(GetParam().code, HasSubstr(GetParam().message)));

  EXPECT_THAT(probe.module().call(Call::cleanup), IsOk());
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenDownloads,
    ::testing::Values(BrokenDownload{"Closes", "take-and-close", ErrorCode::module_failed,
                                     "closed the stream after"},
                      BrokenDownload{"StopsInTheMiddle", "stop-in-the-middle",
                                     ErrorCode::module_failed, "returned success before next_file"},
                      BrokenDownload{"Crashes", "crash-after-first", ErrorCode::module_failed,
                                     "crashed: killed by signal 11"},
                      BrokenDownload{"Hangs", "hang-after-first", ErrorCode::timeout,
                                     "not finished within 3 s"}),
    [](const auto& param) { return std::string{param.param.name}; });

TEST(PluginDownload, GivenABrokenArtifact_WhenStreamed_ThenThePluginNeverSeesTheEnd) {
  ProbePlugin probe{{{"stream", "read"}}};
  MemorySource source{
      {{"a", "first", Error{ErrorCode::integrity, "sha256 differs"}}, {"b", "second"}}};

  EXPECT_THAT(probe.module().download(source), FailsWith(ErrorCode::integrity, "sha256 differs"));

  EXPECT_EQ(probe.left("files"), "");
  EXPECT_THAT(probe.module().call(Call::cleanup), IsOk());
}

TEST(PluginDownload, GivenASlowArtifact_WhenTimeIsOver_ThenThePluginIsNotBlamed) {
  ProbePlugin probe{{{"stream", "read"}}, "probe", hasty};
  MemorySource source{{{.name = "a",
                        .bytes = std::string(3'000'000, 'x'),
                        .broken_at_end = {},
                        .before_end = [] { std::this_thread::sleep_for(kShort + 300ms); }},
                       {"b", std::string(3'000'000, 'x')}}};

  EXPECT_THAT(probe.module().download(source),
              FailsWith(ErrorCode::timeout, HasSubstr("the artifact came too slowly")));
}

}  // namespace
}  // namespace patchbay::host
