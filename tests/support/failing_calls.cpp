#include "tests/support/failing_calls.hpp"

namespace patchbay::testing {
namespace {

const FailingCall kRows[] = {
    {"Download", {}, "status", "Download", {"Cleanup"}, false},
    {"Install",
     {"Download"},
     "try",
     "ArtifactInstall",
     {"ArtifactRollback", "ArtifactFailure", "Cleanup"},
     false},
    {"InstallThenNoRollback", {"Download"}, "try", "ArtifactInstall", {"Cleanup"}, false},
    {"InstallThenAgain",
     {"Download"},
     "try",
     "ArtifactInstall",
     {"ArtifactInstall", "reboot", "ArtifactCommit", "Cleanup"},
     true},
    {"VerifyReboot",
     {"Download", "ArtifactInstall", "reboot"},
     "status",
     "ArtifactVerifyReboot",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "ArtifactFailure", "Cleanup"},
     false},
    {"Commit",
     {"Download", "ArtifactInstall", "reboot"},
     "keep",
     "ArtifactCommit",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "ArtifactFailure", "Cleanup"},
     false},
    {"CommitThenAgain",
     {"Download", "ArtifactInstall", "reboot"},
     "keep",
     "ArtifactCommit",
     {"ArtifactCommit", "Cleanup"},
     true},
    {"Rollback",
     {"Download", "ArtifactInstall"},
     "keep",
     "ArtifactRollback",
     {"ArtifactRollback", "Cleanup"},
     false},
    {"RollbackAfterCommit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactCommit"},
     "keep",
     "ArtifactRollback",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "Cleanup"},
     false},
    {"VerifyRollbackReboot",
     {"Download", "ArtifactInstall", "reboot", "ArtifactRollback", "reboot"},
     "status",
     "ArtifactVerifyRollbackReboot",
     {"ArtifactVerifyRollbackReboot", "ArtifactFailure", "Cleanup"},
     false},
    {"Failure",
     {"Download", "ArtifactInstall"},
     "keep",
     "ArtifactFailure",
     {"ArtifactFailure", "Cleanup"},
     false},
    {"Cleanup", {"Download", "ArtifactInstall"}, "keep", "Cleanup", {"Cleanup"}, false},
};

}  // namespace

std::span<const FailingCall> failing_calls() {
  return kRows;
}

}  // namespace patchbay::testing
