#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/module_tree.hpp"

namespace patchbay::testing {

/// An update to try all power cuts on.
struct CutScenario {
  std::string name;
  /// Makes the system as it is before the update, in the empty directory `system`.
  std::function<void(const std::string& system)> prepare;
  /// Fills the work tree for an update of that system.
  std::function<void(ModuleTree& tree, const std::string& system)> payload;
  /// Undoes what goes beyond files (mounts); may be empty.
  std::function<void(const std::string& system)> finish{};

  /// How GoogleTest names it.
  friend void PrintTo(const CutScenario& scenario, std::ostream* out) { *out << scenario.name; }
};

struct CutReport {
  unsigned cuts = 0;                  ///< cut points tried
  std::vector<std::string> failures;  ///< which cut, and how the system differed
};

/// Kills a module with rollback at changing system calls (every fifth, or all: see cut_stride()),
/// and lets the calls follow that a client makes then:
/// - ArtifactInstall cut: ArtifactRollback, ArtifactFailure, Cleanup -> old
/// - ArtifactInstall cut, ArtifactRollback cut as well (at every seventh of its calls) -> old
/// - ArtifactInstall cut, only Cleanup (a client that did not ask) -> old or new, nothing between
/// - installed, ArtifactRollback cut: again -> old
/// - installed, Cleanup cut: again -> new
/// - rolled back, Cleanup cut: again -> old
/// "Old" is equal to the snapshot from before, "new" to the one of an install without cuts but for
/// times; in either, nothing of the module is left, neither backups nor temporary files.
CutReport try_all_cuts(const std::string& program, const std::string& type,
                       const CutScenario& scenario);

/// Where these tests should work: in memory if possible, since they sync thousands of times.
std::string fast_directory();

}  // namespace patchbay::testing
