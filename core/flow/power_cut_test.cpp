#include <gtest/gtest.h>

#include <ostream>

#include "core/flow/test_device.hpp"
#include "tests/support/result_matchers.hpp"

/// The client dies when a state has been journaled and before it does anything, and starts again.
namespace patchbay::flow {
namespace {

using patchbay::testing::IsOk;
using ::testing::HasSubstr;
using testing::payload;
using testing::PowerCut;
using testing::TestDevice;
using testing::unattended;

struct CutCase {
  State at;
  /// What module b does, so that the flow comes to that state.
  std::string fails;
  End end;
  friend void PrintTo(const CutCase& cut, std::ostream* out) { *out << row(cut.at).name; }
};

class CutOnce : public ::testing::TestWithParam<CutCase> {};

TEST_P(CutOnce, GivenItIsCutThere_WhenStartedAgain_ThenAllPayloadsAreNewOrAllOld) {
  TestDevice device{{{"a", {}}, {"b", {.fails = GetParam().fails}}}};
  bool cut = false;
  device.observer.on_entering = [&](State state) {
    if (state != GetParam().at || cut) return;
    cut = true;
    throw PowerCut{};
  };

  ASSERT_FALSE(device.unless_cut([&] {
    return device.install({payload("a"), payload("b")}, unattended());
  })) << "the flow never came there";
  const auto outcome = device.updater().recover();

  ASSERT_THAT(outcome, IsOk());
  ASSERT_TRUE(outcome->has_value());
  EXPECT_EQ(to_string((*outcome)->end), to_string(GetParam().end));
  EXPECT_EQ(device.installed().name,
            GetParam().end == End::committed ? "release-2" : std::string{"unknown"});
  EXPECT_TRUE(device.is_tidy());
  EXPECT_FALSE(device.updater().in_progress().value().has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Table, CutOnce,
    ::testing::Values(CutCase{State::download, "", End::untouched},
                      CutCase{State::install, "", End::rolled_back},
                      CutCase{State::ask_reboot, "", End::rolled_back},
                      CutCase{State::commit, "", End::rolled_back},
                      CutCase{State::cleanup, "", End::committed},
                      CutCase{State::ask_rollback, "ArtifactInstall", End::rolled_back},
                      CutCase{State::rollback, "ArtifactInstall", End::rolled_back},
                      CutCase{State::failure, "ArtifactInstall", End::rolled_back},
                      CutCase{State::cleanup, "ArtifactInstall", End::rolled_back}),
    [](const auto& test) {
      std::string name{row(test.param.at).name};
      std::replace(name.begin(), name.end(), '-', '_');
      return name + (test.param.fails.empty() ? "" : "_undoing");
    });

/// Starts the client again and again, until the update has ended; how often that took.
unsigned starts_until_the_end(TestDevice& device, std::optional<Outcome>& outcome) {
  for (unsigned starts = 1; starts < 100; ++starts) {
    const auto result = device.unless_cut([&] { return device.updater().recover(); });
    if (!result) continue;
    outcome = result->value();
    return starts;
  }
  return 100;
}

TEST(CutForEver, GivenItIsAlwaysTheFailure_WhenResumedOftenEnough_ThenItIsGivenUpAndInconsistent) {
  TestDevice device{{{"a", {.fails = "ArtifactInstall"}}}};
  device.observer.on_entering = [](State state) {
    if (state == State::failure) throw PowerCut{};
  };
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("a")}, unattended()); }));

  std::optional<Outcome> outcome;
  const unsigned starts = starts_until_the_end(device, outcome);

  EXPECT_EQ(starts, kMaxResumes + 1);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::inconsistent);
  EXPECT_EQ(device.installed().name, "release-2_INCONSISTENT");
  EXPECT_THAT(device.log.text(), HasSubstr("was given up"));
  EXPECT_TRUE(device.is_tidy());
}

TEST(CutForEver, GivenItIsAlwaysTheCleanup_WhenResumedOftenEnough_ThenTheUpdateStaysCommitted) {
  TestDevice device{{{"a", {}}}};
  device.observer.on_entering = [](State state) {
    if (state == State::cleanup) throw PowerCut{};
  };
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("a")}, unattended()); }));

  std::optional<Outcome> outcome;
  const unsigned starts = starts_until_the_end(device, outcome);

  EXPECT_EQ(starts, kMaxResumes + 1);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::committed);
  EXPECT_TRUE(outcome->cleanup_failed);
  EXPECT_EQ(device.installed().name, "release-2");
  EXPECT_TRUE(device.is_tidy());
}

TEST(CutForEver, GivenTheClientAlwaysDiesAtTheReboot_WhenGivenUp_ThenTheUndoDecidesTheResult) {
  TestDevice device{{{"a", {.reboot = "Automatic"}}}};
  unsigned deaths = 0;
  device.observer.on_entering = [&](State state) {
    if (state != State::reboot) return;
    ++deaths;
    throw PowerCut{};
  };
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("a")}, unattended()); }));

  std::optional<Outcome> outcome;
  starts_until_the_end(device, outcome);

  EXPECT_EQ(deaths, 1 + kMaxResumes);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::rolled_back);
  EXPECT_EQ(device.installed().name, "unknown");
  EXPECT_TRUE(device.is_tidy());
}

TEST(CutForEver, GivenAnOldSystemThatIsNeverConfirmed_WhenItHasRebootedEnough_ThenItIsGivenUp) {
  TestDevice device{
      {{"a",
        {.reboot = "Automatic", .fails = "ArtifactVerifyReboot ArtifactVerifyRollbackReboot"}}}};
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("a")}, unattended()); }));

  std::optional<Outcome> outcome;
  starts_until_the_end(device, outcome);

  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->end, End::inconsistent);
  const auto calls = device.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "reboot"), 1 + 1 + kMaxRollbackReboots);
  EXPECT_THAT(device.log.text(), HasSubstr("the old system was not confirmed"));
  EXPECT_TRUE(device.is_tidy());
}

TEST(CutInReboot, GivenTheMachineHasNotRebooted_WhenStartedAgain_ThenTheRebootIsStillDone) {
  TestDevice device{{{"a", {.reboot = "Automatic"}}}};
  device.observer.on_entering = [](State state) {
    if (state == State::reboot) throw PowerCut{};
  };
  ASSERT_FALSE(device.unless_cut([&] { return device.install({payload("a")}, unattended()); }));
  device.observer.on_entering = {};

  ASSERT_FALSE(device.unless_cut([&] { return device.updater().recover(); }))
      << "the machine reboots";
  const auto outcome = device.updater().recover();

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ((*outcome)->end, End::committed);
  const auto calls = device.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "reboot"), 1);
}

}  // namespace
}  // namespace patchbay::flow
