#include "core/app/presenter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>

namespace patchbay::app {
namespace {

using flow::End;
using flow::Outcome;
using flow::State;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Told {
  int code;
  std::string out;
  std::string err;
};

Told told(const std::function<int()>& tell) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = tell();
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

Options options_of(Face face) {
  Options options;
  options.face = face;
  return options;
}

Outcome outcome_of(End end) {
  Outcome outcome;
  outcome.end = end;
  outcome.artifact_name = "release-2";
  outcome.payload_types = {"single-file"};
  outcome.install_began = true;
  if (end == End::stopped) outcome.stopped_before = State::install_enter;
  return outcome;
}

Outcome failed_outcome(End end, State in) {
  Outcome outcome = outcome_of(end);
  outcome.failed_in = in;
  outcome.error = Error{ErrorCode::module_failed, "exit code 1"};
  return outcome;
}

Outcome with(Outcome outcome, bool Outcome::*fact) {
  outcome.*fact = true;
  return outcome;
}

constexpr auto kAllRequests = {Request::install, Request::commit, Request::rollback,
                               Request::resume};

struct MenderText {
  const char* name;
  Request request;
  Outcome outcome;
  const char* out;
  int code;
  friend void PrintTo(const MenderText& text, std::ostream* out) { *out << text.name; }
};

class MenderTexts : public ::testing::TestWithParam<MenderText> {};

TEST_P(MenderTexts, GivenTheOutcome_WhenPresented_ThenTextAndCodeAreMenders) {
  const auto presenter = make_mender_presenter(options_of(Face::mender_update));

  const Told result =
      told([&] { return presenter->outcome(GetParam().request, GetParam().outcome); });

  EXPECT_EQ(result.out, GetParam().out);
  EXPECT_EQ(result.code, GetParam().code);
}

constexpr const char* kWaitingText =
    "Installed, but not committed.\n"
    "Use 'commit' to update, or 'rollback' to roll back the update.\n";

INSTANTIATE_TEST_SUITE_P(
    Table, MenderTexts,
    ::testing::Values(
        MenderText{"Waiting", Request::install, outcome_of(End::waiting), kWaitingText, 0},
        MenderText{"WaitingForReboot", Request::install,
                   with(outcome_of(End::waiting), &Outcome::reboot_needed),
                   "Installed, but not committed.\n"
                   "Use 'commit' to update, or 'rollback' to roll back the update.\n"
                   "At least one payload requested a reboot of the device it updated.\n",
                   0},
        MenderText{"WithoutRollback", Request::install,
                   with(outcome_of(End::committed), &Outcome::no_way_back),
                   "Update Module doesn't support rollback. Committing immediately.\n"
                   "Installed and committed.\n",
                   0},
        MenderText{"EmptyPayload", Request::install,
                   with(outcome_of(End::committed), &Outcome::empty_payload),
                   "Artifact with empty payload. Committing immediately.\n"
                   "Installed and committed.\n",
                   0},
        MenderText{"Committed", Request::commit, outcome_of(End::committed), "Committed.\n", 0},
        MenderText{"CommittedAfterReboot", Request::commit,
                   with(outcome_of(End::committed), &Outcome::reboot_needed), "Committed.\n", 0},
        MenderText{"CommittedByResume", Request::resume, outcome_of(End::committed), "Committed.\n",
                   0},
        MenderText{"RolledBackAsAsked", Request::rollback, outcome_of(End::rolled_back),
                   "Rolled back.\n", 0},
        MenderText{"Streamed", Request::install, outcome_of(End::stopped),
                   "Streamed to storage, but not installed/enabled.\n", 0},
        MenderText{"CleanedUp", Request::resume,
                   with(outcome_of(End::committed), &Outcome::only_cleaned_up), "Cleaned up.\n", 0},
        MenderText{"DownloadFailed", Request::install,
                   [] {
                     Outcome outcome = failed_outcome(End::untouched, State::download);
                     outcome.install_began = false;
                     return outcome;
                   }(),
                   "Streaming failed. System not modified.\n", 1},
        MenderText{"InstallFailed", Request::install,
                   failed_outcome(End::rolled_back, State::install),
                   "Installation failed. Rolled back.\n", 1},
        MenderText{"NoRollback", Request::install,
                   with(failed_outcome(End::inconsistent, State::install), &Outcome::no_way_back),
                   "Installation failed. Update Module does not support rollback. System may be in "
                   "an inconsistent state.\n",
                   1},
        MenderText{"RollbackFailed", Request::install,
                   with(failed_outcome(End::inconsistent, State::install), &Outcome::undo_failed),
                   "Installation failed. Rollback failed. System may be in an inconsistent "
                   "state.\n",
                   1},
        MenderText{"CommitFailed", Request::commit, failed_outcome(End::rolled_back, State::commit),
                   "Committing failed. Rolled back.\n", 1},
        MenderText{
            "CommitLeaveFailed", Request::commit,
            with(failed_outcome(End::inconsistent, State::commit_leave), &Outcome::undo_failed),
            "Committing failed. Rollback failed. System may be in an inconsistent state.\n", 1},
        MenderText{"CleanupFailed", Request::commit,
                   with(outcome_of(End::committed), &Outcome::cleanup_failed),
                   "Committed.\nCleanup failed.\n", 1},
        MenderText{"OnlyCleanupAndItFailed", Request::resume,
                   with(with(outcome_of(End::committed), &Outcome::only_cleaned_up),
                        &Outcome::cleanup_failed),
                   "Committed.\nCleanup failed.\n", 1}),
    [](const auto& test) { return test.param.name; });

TEST(MenderPresenter, GivenTheRebootExitCode_WhenARebootIsNeeded_ThenTheCodeIsFour) {
  Options options = options_of(Face::mender_update);
  options.reboot_exit_code = true;
  const auto presenter = make_mender_presenter(options);
  const Outcome outcome = with(outcome_of(End::waiting), &Outcome::reboot_needed);

  EXPECT_EQ(told([&] { return presenter->outcome(Request::install, outcome); }).code, 4);
  EXPECT_EQ(told([&] { return presenter->outcome(Request::resume, outcome); }).code, 4);
  EXPECT_EQ(
      told([&] { return presenter->outcome(Request::install, outcome_of(End::waiting)); }).code, 0);
}

TEST(MenderPresenter, GivenTheRestOfItsTexts_WhenSaid_ThenTheyAreMenders) {
  const auto presenter = make_mender_presenter(options_of(Face::mender));

  const Told begins = told([&] {
    presenter->installing("release-2", 1);
    return 0;
  });
  const Told nothing = told([&] { return presenter->nothing_to_do(); });
  const Told second = told([&] {
    return presenter->refused(Request::install, Error{ErrorCode::conflict, "held"});
  });
  const Told irreversible = told([&] {
    return presenter->refused(Request::rollback, Error{ErrorCode::unsupported, "no"});
  });

  EXPECT_EQ(begins.out, "Installing artifact...\n");
  EXPECT_EQ(nothing.out, "No update in progress.\n");
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(second.err,
              HasSubstr("Update already in progress. Please commit or roll back first\n"));
  EXPECT_EQ(second.code, 1);
  EXPECT_EQ(irreversible.out, "Update Module does not support rollback.\n");
  EXPECT_EQ(irreversible.code, 1);
}

TEST(MenderPresenter, GivenEveryEndAndRequest_WhenPresented_ThenTheCodeIsOneOfMenders) {
  const auto presenter = make_mender_presenter(options_of(Face::mender_update));
  for (const Request request : kAllRequests) {
    for (int end = 0; end <= static_cast<int>(End::inconsistent); ++end) {
      const auto which = static_cast<End>(end);
      const Told good = told([&] { return presenter->outcome(request, outcome_of(which)); });
      const Told bad =
          told([&] { return presenter->outcome(request, failed_outcome(which, State::install)); });
      const bool can_be_good = which != End::untouched && which != End::inconsistent &&
                               !(which == End::committed && request == Request::rollback);
      EXPECT_EQ(good.code, can_be_good ? 0 : 1) << flow::to_string(which);
      if (which == End::rolled_back) {
        EXPECT_EQ(bad.code, request == Request::rollback ? 0 : 1);
      }
    }
  }
}

struct OurCode {
  const char* name;
  Request request;
  Outcome outcome;
  int code;
  const char* says;
  friend void PrintTo(const OurCode& code, std::ostream* out) { *out << code.name; }
};

class OurCodes : public ::testing::TestWithParam<OurCode> {};

TEST_P(OurCodes, GivenTheOutcome_WhenPresented_ThenCodeAndTextSayWhatToDo) {
  const auto presenter = make_presenter(options_of(Face::patchbay));

  const Told result =
      told([&] { return presenter->outcome(GetParam().request, GetParam().outcome); });

  EXPECT_EQ(result.code, GetParam().code);
  EXPECT_THAT(result.err, HasSubstr(GetParam().says));
  EXPECT_EQ(result.out, "") << "without --json";
}

INSTANTIATE_TEST_SUITE_P(
    Table, OurCodes,
    ::testing::Values(
        OurCode{"Committed", Request::commit, outcome_of(End::committed), 0,
                "Committed \"release-2\" (1 payload: single-file)."},
        OurCode{"CommittedNeedsReboot", Request::commit,
                with(outcome_of(End::committed), &Outcome::reboot_needed), 4, "A reboot is needed"},
        OurCode{"CommittedUntried", Request::commit,
                with(outcome_of(End::committed), &Outcome::reboot_needed), 4,
                "Warning: the update asked for a reboot, and the machine has not rebooted since"},
        OurCode{"CommittedThoughRollbackWasAsked", Request::rollback, outcome_of(End::committed), 1,
                "Committed"},
        OurCode{"CommittedAtOnce", Request::install,
                with(outcome_of(End::committed), &Outcome::no_way_back), 0,
                "a payload cannot be rolled back"},
        OurCode{"CommittedButNotCleanedUp", Request::commit,
                with(outcome_of(End::committed), &Outcome::cleanup_failed), 0, "Warning"},
        OurCode{"Waiting", Request::install, outcome_of(End::waiting), 0, "patchbay commit"},
        OurCode{"WaitingNeedsReboot", Request::install,
                with(outcome_of(End::waiting), &Outcome::reboot_needed), 4, "not committed yet"},
        OurCode{"Stopped", Request::install, outcome_of(End::stopped), 0,
                "Stopped before ArtifactInstall_Enter"},
        OurCode{"StoppedWhileFailing", Request::install,
                failed_outcome(End::stopped, State::install), 1, "Cause: exit code 1"},
        OurCode{"Untouched", Request::install, failed_outcome(End::untouched, State::download), 1,
                "The device is as it was before.\nCause: exit code 1"},
        OurCode{"UntouchedLater", Request::resume, failed_outcome(End::untouched, State::download),
                1, "Ended"},
        OurCode{"RolledBackAsAsked", Request::rollback, outcome_of(End::rolled_back), 0,
                "Rolled back \"release-2\"."},
        OurCode{"RolledBackAsAskedNeedsReboot", Request::rollback,
                with(outcome_of(End::rolled_back), &Outcome::reboot_needed), 4,
                "A reboot is needed"},
        OurCode{"RolledBackAfterAFailure", Request::install,
                failed_outcome(End::rolled_back, State::install), 1,
                "Rolled back: \"release-2\" failed."},
        OurCode{"Inconsistent", Request::install,
                with(failed_outcome(End::inconsistent, State::install), &Outcome::undo_failed), 3,
                "A module's rollback failed"},
        OurCode{"InconsistentWithoutRollback", Request::commit,
                with(failed_outcome(End::inconsistent, State::install), &Outcome::no_way_back), 3,
                "A payload has no rollback."}),
    [](const auto& test) { return test.param.name; });

struct Untried {
  Request request;
  Outcome outcome;
  bool untried;
};

TEST(PatchbayPresenter, GivenOutcomes_WhenPresented_ThenOnlyACommitBeforeTheRebootIsUntried) {
  Options options = options_of(Face::patchbay);
  options.json = true;
  const auto presenter = make_presenter(options);
  const auto before_reboot = [](Outcome outcome) {
    return with(std::move(outcome), &Outcome::reboot_needed);
  };
  const std::vector<Untried> cases{
      {Request::commit, before_reboot(outcome_of(End::committed)), true},
      {Request::commit, before_reboot(outcome_of(End::stopped)), true},
      {Request::commit, outcome_of(End::committed), false},
      {Request::commit, before_reboot(outcome_of(End::waiting)), false},
      {Request::commit, before_reboot(outcome_of(End::rolled_back)), false},
      {Request::commit, before_reboot(failed_outcome(End::stopped, State::install)), false},
      {Request::install, before_reboot(outcome_of(End::waiting)), false},
      {Request::install, before_reboot(outcome_of(End::committed)), false},
  };
  for (const auto& [request, outcome, untried] : cases) {
    const Told result = told([&] { return presenter->outcome(request, outcome); });
    EXPECT_EQ(nlohmann::json::parse(result.out)["committed_untried"], untried);
    EXPECT_EQ(result.err.find("not been tried by a boot") != std::string::npos, untried);
  }
}

TEST(PatchbayPresenter, GivenTheRestOfItsTexts_WhenSaid_ThenTheCodesAreOurs) {
  const auto presenter = make_presenter(options_of(Face::patchbay));
  const Error error{ErrorCode::invalid_input, "bad artifact"};

  const Told nothing = told([&] { return presenter->nothing_to_do(); });
  const Told refused = told([&] { return presenter->refused(Request::install, error); });
  const Told failed = told([&] { return presenter->failed(error); });

  EXPECT_EQ(nothing.code, 2);
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.err, HasSubstr("nothing was touched: bad artifact"));
  EXPECT_EQ(failed.code, 1);
}

TEST(PatchbayPresenter, GivenHostileTexts_WhenPresented_ThenNoControlCharacterReachesTheTerminal) {
  const auto presenter = make_presenter(options_of(Face::patchbay));
  const std::string hostile = "a\x1b[2Jb\nc\x07";
  for (const End end : {End::committed, End::waiting, End::untouched, End::rolled_back,
                        End::inconsistent, End::stopped}) {
    Outcome outcome = failed_outcome(end, State::install);
    outcome.artifact_name = hostile;
    outcome.payload_types = {hostile};
    outcome.error = Error{ErrorCode::module_failed, hostile};

    const Told result = told([&] { return presenter->outcome(Request::install, outcome); });

    EXPECT_THAT(result.err, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07"))));
  }
  const Told begins = told([&] {
    presenter->installing(hostile, 2);
    return 0;
  });
  EXPECT_THAT(begins.err, AllOf(Not(HasSubstr("\x1b")), HasSubstr("2 payloads")));
}

TEST(MenderPresenter, GivenHostileTexts_WhenPresented_ThenNoControlCharacterReachesTheTerminal) {
  const auto presenter = make_mender_presenter(options_of(Face::mender_update));
  Outcome outcome = failed_outcome(End::inconsistent, State::install);
  outcome.error = Error{ErrorCode::module_failed, "a\x1b[2Jb"};

  const Told result = told([&] { return presenter->outcome(Request::install, outcome); });
  const Told failed = told([&] { return presenter->failed(*outcome.error); });

  EXPECT_THAT(result.out + result.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(failed.out + failed.err, Not(HasSubstr("\x1b")));
}

TEST(PatchbayPresenter, GivenJson_WhenPresented_ThenStandardOutputIsOneDocument) {
  Options options = options_of(Face::patchbay);
  options.json = true;
  const auto presenter = make_presenter(options);
  Outcome outcome = failed_outcome(End::rolled_back, State::install);
  outcome.artifact_name = "no utf-8: \xff";

  const Told result = told([&] { return presenter->outcome(Request::install, outcome); });
  const Told refused = told([&] {
    return presenter->refused(Request::install, Error{ErrorCode::denied, "policy"});
  });
  const Told nothing = told([&] { return presenter->nothing_to_do(); });

  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["end"], "rolled-back");
  EXPECT_EQ(json["failed_in"], "install");
  EXPECT_EQ(json["error"]["code"], "module_failed");
  EXPECT_EQ(json["payload_types"][0], "single-file");
  EXPECT_EQ(nlohmann::json::parse(refused.out)["error"]["message"], "policy");
  EXPECT_EQ(nlohmann::json::parse(nothing.out)["end"], "nothing-to-do");
}

}  // namespace
}  // namespace patchbay::app
