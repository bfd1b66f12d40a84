#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/flow/table.hpp"

namespace patchbay::flow {

/// Where an update has come to.
enum class End : std::uint8_t {
  committed,     ///< all payloads are new, the store says so
  waiting,       ///< all payloads are installed, `commit` or `rollback` decides
  stopped,       ///< stopped where the caller asked; `resume` goes on
  untouched,     ///< failed before anything was installed
  rolled_back,   ///< failed or unwanted, and all payloads are old again
  inconsistent,  ///< failed, and undoing it failed or was impossible: a person has to look
};
/// "committed", "waiting-for-commit", ...: stable, for `--json` and the store.
std::string_view to_string(End end);

struct Outcome {
  End end = End::committed;
  std::string artifact_name;
  std::vector<std::string> payload_types;
  bool reboot_needed = false;      ///< a payload asked for a reboot that nobody has done yet
  bool no_way_back = false;        ///< a module without rollback: committed at once, or not undone
  bool only_cleaned_up = false;    ///< it was stopped before Cleanup, and only that was left
  bool cleanup_failed = false;     ///< a module's Cleanup failed; the end above holds all the same
  bool empty_payload = false;      ///< nothing but provides
  bool install_began = false;      ///< ArtifactInstall, or a script before it, was started
  bool undo_failed = false;        ///< a rollback was tried and failed
  std::optional<State> failed_in;  ///< the state in which the update failed first
  std::optional<State> stopped_before;
  std::optional<Error> error;  ///< why it failed
};

}  // namespace patchbay::flow
