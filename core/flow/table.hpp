#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/host/protocol.hpp"

/// The flow of an update as data: what each state does, where each event leads, and where to go on
/// after a power cut. The driver (driver.hpp) walks it and names a state only where the journal
/// needs more than the state itself (what has begun, what is decided); docs/flow.md is printed from
/// it. Command line and daemon run the same table.
namespace patchbay::flow {

enum class State : std::uint8_t {
  download_enter,
  download,
  download_leave,
  download_error,
  consent_install,
  install_enter,
  install,
  install_leave,
  install_error,
  ask_reboot,
  ask_commit,
  consent_reboot,
  reboot_enter,
  reboot,
  verify_reboot,
  reboot_leave,
  reboot_error,
  consent_commit,
  commit_enter,
  commit,
  commit_leave,
  commit_leave_error,
  commit_error,
  ask_rollback,
  rollback_enter,
  rollback,
  rollback_leave,
  rollback_leave_failed,
  ask_rollback_reboot,
  rollback_reboot_enter,
  rollback_reboot,
  verify_rollback_reboot,
  rollback_reboot_leave,
  rollback_reboot_error,
  failure_enter,
  failure,
  failure_leave,
  cleanup,
  done,
};
inline constexpr std::size_t kStateCount = static_cast<std::size_t>(State::done) + 1;

enum class Event : std::uint8_t {
  ok,      ///< the state did what it is for; a question was answered No
  failed,  ///< it did not
  yes,     ///< a question was answered Yes
};

/// What a state does.
enum class Action : std::uint8_t {
  scripts,           ///< run the group of state scripts; the first failure ends it
  scripts_lenient,   ///< run all scripts of the group, whatever they return
  download,          ///< ProvidePayloadFileSizes and Download of every payload, then verify the end
  modules,           ///< one call to every payload's module, in order; the first failure ends it
  modules_all,       ///< one call to every payload's module, in order, whatever they return
  roll_back,         ///< one call to every module whose install has begun, in reverse, all of them
  ask_reboot,        ///< NeedsArtifactReboot of every payload
  ask_commit,        ///< may the commit follow at once? (Yes: unattended, or no way back)
  ask_consent,       ///< does whoever ordered the update still want it? Failed: no
  ask_rollback,      ///< SupportsRollback of every payload that has begun
  ask_reboot_again,  ///< NeedsArtifactReboot after the rollback
  reboot,            ///< the call to modules that reboot themselves, then one reboot of the machine
  verify,            ///< the call to modules that asked for the reboot
  clean_up,  ///< Cleanup of every module that has a work tree; trees and scripts are removed
  nothing,
};

/// What an error in a state means for the final result, beyond the edge it takes.
enum class Blame : std::uint8_t {
  none,      ///< the error is only noted
  update,    ///< the update has failed
  recovery,  ///< undoing it went wrong: the result is inconsistent
};

/// Facts that belong to a state.
struct StateRow {
  State state;
  std::string_view name;  ///< in the journal, logs and `status`; never changes once released
  Action action;
  std::string_view detail;  ///< script group, or module call as on the wire
  State resume;             ///< after a power cut in this state, go on here
  State give_up;            ///< when going on here was cut too often, go there instead
  Blame blame;
  /// Mender's name of this place (`InState` of its record); "" while Mender keeps no record.
  std::string_view record;
  /// `--stop-before` name; "" when the flow cannot stop in front of this state.
  std::string_view stop;
};

// clang-format off
inline constexpr std::array kStates{
  //        state                          name                      action                    detail                          after a power cut at           given up            blame            Mender's record           stop
  StateRow{State::download_enter,         "download-enter",         Action::scripts,          "Download_Enter",               State::cleanup,                State::cleanup,       Blame::update,   "",                       ""},
  StateRow{State::download,               "download",               Action::download,         "Download",                     State::cleanup,                State::cleanup,       Blame::update,   "",                       ""},
  StateRow{State::download_leave,         "download-leave",         Action::scripts,          "Download_Leave",               State::cleanup,                State::cleanup,       Blame::update,   "",                       ""},
  StateRow{State::download_error,         "download-error",         Action::scripts_lenient,  "Download_Error",               State::cleanup,                State::cleanup,       Blame::none,     "",                       ""},
  StateRow{State::consent_install,        "consent-install",        Action::ask_consent,      "consent to install",           State::cleanup,                State::cleanup,       Blame::update,   "",                       ""},
  StateRow{State::install_enter,          "install-enter",          Action::scripts,          "ArtifactInstall_Enter",        State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactInstall_Enter",  "ArtifactInstall_Enter"},
  StateRow{State::install,                "install",                Action::modules,          "ArtifactInstall",              State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactInstall_Enter",  ""},
  StateRow{State::install_leave,          "install-leave",          Action::scripts,          "ArtifactInstall_Leave",        State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactInstall_Enter",  ""},
  StateRow{State::install_error,          "install-error",          Action::scripts_lenient,  "ArtifactInstall_Error",        State::ask_rollback,           State::ask_rollback,  Blame::none,     "ArtifactInstall_Enter",  ""},
  StateRow{State::ask_reboot,             "ask-reboot",             Action::ask_reboot,       "NeedsArtifactReboot",          State::ask_reboot,             State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::ask_commit,             "ask-commit",             Action::ask_commit,       "SupportsRollback",             State::ask_commit,             State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::consent_reboot,         "consent-reboot",         Action::ask_consent,      "consent to reboot",            State::consent_reboot,         State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::reboot_enter,           "reboot-enter",           Action::scripts,          "ArtifactReboot_Enter",         State::verify_reboot,          State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::reboot,                 "reboot",                 Action::reboot,           "ArtifactReboot",               State::verify_reboot,          State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::verify_reboot,          "verify-reboot",          Action::verify,           "ArtifactVerifyReboot",         State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactCommit_Enter",   ""},
  StateRow{State::reboot_leave,           "reboot-leave",           Action::scripts,          "ArtifactReboot_Leave",         State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactCommit_Enter",   ""},
  StateRow{State::reboot_error,           "reboot-error",           Action::scripts_lenient,  "ArtifactReboot_Error",         State::ask_rollback,           State::ask_rollback,  Blame::none,     "ArtifactCommit_Enter",   ""},
  StateRow{State::consent_commit,         "consent-commit",         Action::ask_consent,      "consent to commit",            State::consent_commit,         State::ask_rollback,  Blame::update,   "Before_ArtifactCommit_Enter", ""},
  StateRow{State::commit_enter,           "commit-enter",           Action::scripts,          "ArtifactCommit_Enter",         State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactCommit_Enter",   "ArtifactCommit_Enter"},
  StateRow{State::commit,                 "commit",                 Action::modules,          "ArtifactCommit",               State::ask_rollback,           State::ask_rollback,  Blame::update,   "ArtifactCommit_Enter",   ""},
  StateRow{State::commit_leave,           "commit-leave",           Action::scripts,          "ArtifactCommit_Leave",         State::commit_leave,           State::cleanup,       Blame::recovery, "ArtifactCommit_Leave",   "ArtifactCommit_Leave"},
  StateRow{State::commit_leave_error,     "commit-leave-error",     Action::scripts_lenient,  "ArtifactCommit_Error",         State::cleanup,                State::cleanup,       Blame::none,     "ArtifactCommit_Leave",   ""},
  StateRow{State::commit_error,           "commit-error",           Action::scripts_lenient,  "ArtifactCommit_Error",         State::ask_rollback,           State::ask_rollback,  Blame::none,     "ArtifactCommit_Enter",   ""},
  StateRow{State::ask_rollback,           "ask-rollback",           Action::ask_rollback,     "SupportsRollback",             State::ask_rollback,           State::failure_enter, Blame::recovery, "ArtifactInstall_Enter",  ""},
  StateRow{State::rollback_enter,         "rollback-enter",         Action::scripts_lenient,  "ArtifactRollback_Enter",       State::rollback_enter,         State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", "ArtifactRollback_Enter"},
  StateRow{State::rollback,               "rollback",               Action::roll_back,        "ArtifactRollback",             State::rollback_enter,         State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_leave,         "rollback-leave",         Action::scripts_lenient,  "ArtifactRollback_Leave",       State::rollback_enter,         State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_leave_failed,  "rollback-leave-failed",  Action::scripts_lenient,  "ArtifactRollback_Leave",       State::rollback_enter,         State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::ask_rollback_reboot,    "ask-rollback-reboot",    Action::ask_reboot_again, "NeedsArtifactReboot",          State::rollback_enter,         State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_reboot_enter,  "rollback-reboot-enter",  Action::scripts_lenient,  "ArtifactRollbackReboot_Enter", State::verify_rollback_reboot, State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_reboot,        "rollback-reboot",        Action::reboot,           "ArtifactRollbackReboot",       State::verify_rollback_reboot, State::failure_enter, Blame::none,     "ArtifactRollback_Enter", ""},
  StateRow{State::verify_rollback_reboot, "verify-rollback-reboot", Action::verify,           "ArtifactVerifyRollbackReboot", State::verify_rollback_reboot, State::failure_enter, Blame::none,     "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_reboot_leave,  "rollback-reboot-leave",  Action::scripts_lenient,  "ArtifactRollbackReboot_Leave", State::verify_rollback_reboot, State::failure_enter, Blame::recovery, "ArtifactRollback_Enter", ""},
  StateRow{State::rollback_reboot_error,  "rollback-reboot-error",  Action::scripts_lenient,  "ArtifactRollbackReboot_Error", State::verify_rollback_reboot, State::failure_enter, Blame::none,     "ArtifactRollback_Enter", ""},
  StateRow{State::failure_enter,          "failure-enter",          Action::scripts_lenient,  "ArtifactFailure_Enter",        State::failure_enter,          State::cleanup,       Blame::recovery, "ArtifactFailure_Enter",  "ArtifactFailure_Enter"},
  StateRow{State::failure,                "failure",                Action::modules_all,      "ArtifactFailure",              State::failure_enter,          State::cleanup,       Blame::recovery, "ArtifactFailure_Enter",  ""},
  StateRow{State::failure_leave,          "failure-leave",          Action::scripts_lenient,  "ArtifactFailure_Leave",        State::failure_enter,          State::cleanup,       Blame::recovery, "ArtifactFailure_Enter",  ""},
  StateRow{State::cleanup,                "cleanup",                Action::clean_up,         "Cleanup",                      State::cleanup,                State::done,          Blame::none,     "Cleanup",                "Cleanup"},
  StateRow{State::done,                   "done",                   Action::nothing,          "",                             State::done,                   State::done,          Blame::none,     "",                       ""},
};

/// Facts that belong to an edge.
struct Transition {
  State in;
  Event on;
  State to;
};

inline constexpr std::array kTransitions{
  Transition{State::download_enter,         Event::ok,     State::download},
  Transition{State::download_enter,         Event::failed, State::download_error},
  Transition{State::download,               Event::ok,     State::download_leave},
  Transition{State::download,               Event::failed, State::download_error},
  Transition{State::download_leave,         Event::ok,     State::consent_install},
  Transition{State::download_leave,         Event::failed, State::download_error},
  Transition{State::download_error,         Event::ok,     State::cleanup},
  Transition{State::download_error,         Event::failed, State::cleanup},
  Transition{State::consent_install,        Event::ok,     State::install_enter},
  Transition{State::consent_install,        Event::failed, State::cleanup},
  Transition{State::install_enter,          Event::ok,     State::install},
  Transition{State::install_enter,          Event::failed, State::install_error},
  Transition{State::install,                Event::ok,     State::install_leave},
  Transition{State::install,                Event::failed, State::install_error},
  Transition{State::install_leave,          Event::ok,     State::ask_reboot},
  Transition{State::install_leave,          Event::failed, State::install_error},
  Transition{State::install_error,          Event::ok,     State::ask_rollback},
  Transition{State::install_error,          Event::failed, State::ask_rollback},
  Transition{State::ask_reboot,             Event::ok,     State::ask_commit},
  Transition{State::ask_reboot,             Event::yes,    State::consent_reboot},
  Transition{State::ask_reboot,             Event::failed, State::ask_rollback},
  Transition{State::ask_commit,             Event::ok,     State::consent_commit},
  Transition{State::ask_commit,             Event::failed, State::ask_rollback},
  Transition{State::consent_reboot,         Event::ok,     State::reboot_enter},
  Transition{State::consent_reboot,         Event::failed, State::ask_rollback},
  Transition{State::reboot_enter,           Event::ok,     State::reboot},
  Transition{State::reboot_enter,           Event::failed, State::reboot_error},
  Transition{State::reboot,                 Event::ok,     State::verify_reboot},
  Transition{State::reboot,                 Event::failed, State::reboot_error},
  Transition{State::verify_reboot,          Event::ok,     State::reboot_leave},
  Transition{State::verify_reboot,          Event::failed, State::reboot_error},
  Transition{State::reboot_leave,           Event::ok,     State::consent_commit},
  Transition{State::reboot_leave,           Event::failed, State::reboot_error},
  Transition{State::reboot_error,           Event::ok,     State::ask_rollback},
  Transition{State::reboot_error,           Event::failed, State::ask_rollback},
  Transition{State::consent_commit,         Event::ok,     State::commit_enter},
  Transition{State::consent_commit,         Event::failed, State::ask_rollback},
  Transition{State::commit_enter,           Event::ok,     State::commit},
  Transition{State::commit_enter,           Event::failed, State::commit_error},
  Transition{State::commit,                 Event::ok,     State::commit_leave},
  Transition{State::commit,                 Event::failed, State::commit_error},
  Transition{State::commit_leave,           Event::ok,     State::cleanup},
  Transition{State::commit_leave,           Event::failed, State::commit_leave_error},
  Transition{State::commit_leave_error,     Event::ok,     State::cleanup},
  Transition{State::commit_leave_error,     Event::failed, State::cleanup},
  Transition{State::commit_error,           Event::ok,     State::ask_rollback},
  Transition{State::commit_error,           Event::failed, State::ask_rollback},
  Transition{State::ask_rollback,           Event::yes,    State::rollback_enter},
  Transition{State::ask_rollback,           Event::ok,     State::failure_enter},
  Transition{State::ask_rollback,           Event::failed, State::failure_enter},
  Transition{State::rollback_enter,         Event::ok,     State::rollback},
  Transition{State::rollback_enter,         Event::failed, State::rollback},
  Transition{State::rollback,               Event::ok,     State::rollback_leave},
  Transition{State::rollback,               Event::failed, State::rollback_leave_failed},
  Transition{State::rollback_leave,         Event::ok,     State::ask_rollback_reboot},
  Transition{State::rollback_leave,         Event::failed, State::failure_enter},
  Transition{State::rollback_leave_failed,  Event::ok,     State::failure_enter},
  Transition{State::rollback_leave_failed,  Event::failed, State::failure_enter},
  Transition{State::ask_rollback_reboot,    Event::ok,     State::failure_enter},
  Transition{State::ask_rollback_reboot,    Event::yes,    State::rollback_reboot_enter},
  Transition{State::ask_rollback_reboot,    Event::failed, State::failure_enter},
  Transition{State::rollback_reboot_enter,  Event::ok,     State::rollback_reboot},
  Transition{State::rollback_reboot_enter,  Event::failed, State::rollback_reboot},
  Transition{State::rollback_reboot,        Event::ok,     State::verify_rollback_reboot},
  Transition{State::rollback_reboot,        Event::failed, State::verify_rollback_reboot},
  Transition{State::verify_rollback_reboot, Event::ok,     State::rollback_reboot_leave},
  Transition{State::verify_rollback_reboot, Event::failed, State::rollback_reboot},
  Transition{State::rollback_reboot_leave,  Event::ok,     State::failure_enter},
  Transition{State::rollback_reboot_leave,  Event::failed, State::rollback_reboot_error},
  Transition{State::rollback_reboot_error,  Event::ok,     State::failure_enter},
  Transition{State::rollback_reboot_error,  Event::failed, State::failure_enter},
  Transition{State::failure_enter,          Event::ok,     State::failure},
  Transition{State::failure_enter,          Event::failed, State::failure},
  Transition{State::failure,                Event::ok,     State::failure_leave},
  Transition{State::failure,                Event::failed, State::failure_leave},
  Transition{State::failure_leave,          Event::ok,     State::cleanup},
  Transition{State::failure_leave,          Event::failed, State::cleanup},
  Transition{State::cleanup,                Event::ok,     State::done},
  Transition{State::cleanup,                Event::failed, State::done},
};
// clang-format on

constexpr const StateRow& row(State state) {
  return kStates.at(static_cast<std::size_t>(state));
}

/// Where `event` leads from `state`.
constexpr std::optional<State> next(State state, Event event) {
  for (const Transition& transition : kTransitions) {
    if (transition.in == state && transition.on == event) return transition.to;
  }
  return std::nullopt;
}

/// The state of that journal name.
constexpr std::optional<State> state_of(std::string_view name) {
  for (const StateRow& candidate : kStates) {
    if (candidate.name == name) return candidate.state;
  }
  return std::nullopt;
}

/// Whether an action can answer yes.
constexpr bool is_question(Action action) {
  return action == Action::ask_reboot || action == Action::ask_rollback ||
         action == Action::ask_reboot_again;
}

namespace checks {

constexpr bool every_state_has_its_row() {
  if (kStates.size() != kStateCount) return false;
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (static_cast<std::size_t>(kStates.at(i).state) != i) return false;
  }
  return true;
}

constexpr std::size_t count(State state, Event event) {
  return static_cast<std::size_t>(
      std::count_if(kTransitions.begin(), kTransitions.end(), [&](const Transition& transition) {
        return transition.in == state && transition.on == event;
      }));
}

/// One edge for ok and failed, one for yes where a question is asked; none out of done.
constexpr bool every_state_and_event_has_exactly_one_edge() {
  for (const StateRow& candidate : kStates) {
    const std::size_t expected = candidate.state == State::done ? 0 : 1;
    if (count(candidate.state, Event::ok) != expected) return false;
    if (count(candidate.state, Event::failed) != expected) return false;
    if (count(candidate.state, Event::yes) != (is_question(candidate.action) ? 1 : 0)) return false;
  }
  return true;
}

}  // namespace checks

static_assert(checks::every_state_has_its_row());
static_assert(checks::every_state_and_event_has_exactly_one_edge());

}  // namespace patchbay::flow
