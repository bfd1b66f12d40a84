#include "core/flow/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/flow/updater.hpp"

namespace patchbay::flow {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

bool is_script_group(const StateRow& facts) {
  return facts.action == Action::scripts || facts.action == Action::scripts_lenient;
}

/// States that a walk can come to from `start` by edges.
std::set<State> reachable_from(const std::set<State>& start) {
  std::set<State> seen = start;
  std::vector<State> open{start.begin(), start.end()};
  while (!open.empty()) {
    const State state = open.back();
    open.pop_back();
    for (const Event event : {Event::ok, Event::failed, Event::yes}) {
      const auto to = next(state, event);
      if (to && seen.insert(*to).second) open.push_back(*to);
    }
  }
  return seen;
}

TEST(FlowTable, GivenEveryState_WhenTheFlowStarts_ThenSomePathLeadsToIt) {
  const std::set<State> seen = reachable_from({State::download_enter});

  for (const StateRow& facts : kStates)
    EXPECT_TRUE(seen.contains(facts.state)) << facts.name;
}

TEST(FlowTable, GivenEveryState_WhenGoingOnByAnyEdges_ThenDoneIsReached) {
  for (const StateRow& facts : kStates) {
    EXPECT_TRUE(reachable_from({facts.state}).contains(State::done)) << facts.name;
  }
}

/// The one edge that leads back: a rollback that the old system does not confirm reboots again, a
/// bounded number of times (kMaxRollbackReboots).
bool is_bounded_loop(State from, State to) {
  return from == State::verify_rollback_reboot && to == State::rollback_reboot;
}

/// Whether a walk by edges from `state` can come back to a state of `path`.
bool has_cycle(State state, std::set<State> path) {
  if (!path.insert(state).second) return true;
  for (const Event event : {Event::ok, Event::failed, Event::yes}) {
    const auto to = next(state, event);
    if (to && !is_bounded_loop(state, *to) && has_cycle(*to, path)) return true;
  }
  return false;
}

TEST(FlowTable, GivenTheWholeTable_WhenWalked_ThenNoPathButTheBoundedOneIsACycle) {
  EXPECT_FALSE(has_cycle(State::download_enter, {}));
}

TEST(FlowTable, GivenAPowerCutInAnyState_WhenResumed_ThenResumingAgainGoesOnAtTheSamePlace) {
  for (const StateRow& facts : kStates) {
    const State resumed = facts.resume;
    // The place may move once (into the undo, or to the verification) but has to settle, because
    // resumes are counted by place.
    const State settled = row(resumed).resume;
    EXPECT_EQ(row(settled).resume, settled) << facts.name;
  }
}

TEST(FlowTable, GivenGivingUpTimeAndAgain_WhenStartingAnywhere_ThenDoneIsReached) {
  for (const StateRow& facts : kStates) {
    State state = facts.state;
    for (std::size_t steps = 0; state != State::done; ++steps) {
      ASSERT_LT(steps, kStateCount) << "giving up goes in a circle from " << facts.name;
      state = row(state).give_up;
    }
  }
}

TEST(FlowTable, GivenAPowerCut_WhenResumed_ThenTheFlowNeverGoesBackBehindTheUndo) {
  const std::set<State> after_undo = reachable_from({State::ask_rollback});

  for (const State state : after_undo) {
    EXPECT_TRUE(after_undo.contains(row(state).resume)) << row(state).name;
    EXPECT_TRUE(after_undo.contains(row(state).give_up)) << row(state).name;
  }
}

TEST(FlowTable, GivenAllRows_WhenCompared_ThenNamesAreUniqueAndReadBack) {
  std::set<std::string_view> names;
  for (const StateRow& facts : kStates) {
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_EQ(state_of(facts.name), facts.state);
    EXPECT_EQ(facts.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos)
        << facts.name;
  }
  EXPECT_EQ(state_of("no-such-state"), std::nullopt);
  EXPECT_EQ(state_of(""), std::nullopt);
}

TEST(FlowTable, GivenScriptStates_WhenNamed_ThenTheGroupsAreThoseOfTheProtocol) {
  std::set<std::string> groups;
  for (const StateRow& facts : kStates) {
    if (is_script_group(facts)) groups.emplace(facts.detail);
  }

  const std::set<std::string> wanted{"Download_Enter",
                                     "Download_Leave",
                                     "Download_Error",
                                     "ArtifactInstall_Enter",
                                     "ArtifactInstall_Leave",
                                     "ArtifactInstall_Error",
                                     "ArtifactReboot_Enter",
                                     "ArtifactReboot_Leave",
                                     "ArtifactReboot_Error",
                                     "ArtifactCommit_Enter",
                                     "ArtifactCommit_Leave",
                                     "ArtifactCommit_Error",
                                     "ArtifactRollback_Enter",
                                     "ArtifactRollback_Leave",
                                     "ArtifactRollbackReboot_Enter",
                                     "ArtifactRollbackReboot_Leave",
                                     "ArtifactRollbackReboot_Error",
                                     "ArtifactFailure_Enter",
                                     "ArtifactFailure_Leave"};
  EXPECT_EQ(groups, wanted);
}

TEST(FlowTable, GivenScriptStates_WhenTheyAreErrorOrUndoGroups_ThenEveryScriptRuns) {
  for (const StateRow& facts : kStates) {
    if (!is_script_group(facts)) continue;
    const bool lenient = facts.detail.ends_with("_Error") ||
                         facts.detail.starts_with("ArtifactRollback") ||
                         facts.detail.starts_with("ArtifactFailure");
    EXPECT_EQ(facts.action == Action::scripts_lenient, lenient) << facts.name;
    if (!facts.detail.ends_with("_Error")) continue;
    EXPECT_EQ(facts.blame, Blame::none) << facts.name;
  }
}

TEST(FlowTable, GivenStatesThatCallModules_WhenNamed_ThenTheCallsAreThoseOfTheProtocol) {
  std::set<std::string_view> known;
  for (auto call = host::Call::provide_payload_file_sizes; call <= host::Call::cleanup;
       call = static_cast<host::Call>(static_cast<int>(call) + 1)) {
    known.insert(host::to_string(call));
  }

  for (const StateRow& facts : kStates) {
    const bool calls_nobody =
        facts.action == Action::nothing || facts.action == Action::ask_consent;
    if (is_script_group(facts) || calls_nobody) continue;
    EXPECT_THAT(known, Contains(facts.detail)) << facts.name;
  }
  EXPECT_EQ(row(State::done).detail, "");
}

TEST(FlowTable, GivenTheStops_WhenListed_ThenTheyAreMenders) {
  EXPECT_THAT(stop_names(),
              ElementsAre("ArtifactInstall_Enter", "ArtifactCommit_Enter", "ArtifactCommit_Leave",
                          "ArtifactRollback_Enter", "ArtifactFailure_Enter", "Cleanup"));
}

TEST(FlowTable, GivenStatesFromTheInstallOn_WhenRecordedForMender_ThenItsPlaceIsNamed) {
  const std::set<std::string_view> places{"ArtifactInstall_Enter",
                                          "Before_ArtifactCommit_Enter",
                                          "ArtifactCommit_Enter",
                                          "ArtifactCommit_Leave",
                                          "ArtifactRollback_Enter",
                                          "ArtifactFailure_Enter",
                                          "Cleanup"};

  for (const StateRow& facts : kStates) {
    const bool before_install = facts.state < State::install_enter;
    if (before_install || facts.state == State::done) {
      EXPECT_EQ(facts.record, "") << facts.name;
    } else {
      EXPECT_THAT(places, Contains(facts.record)) << facts.name;
    }
    // Mender's client must find the place of a stop in its record.
    if (facts.stop.empty()) continue;
    EXPECT_EQ(facts.stop, facts.record) << facts.name;
  }
}

}  // namespace
}  // namespace patchbay::flow
