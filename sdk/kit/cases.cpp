#include "sdk/kit/cases.hpp"

#include <array>

#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit {
namespace {

// The first one decides whether the others make sense.
constexpr std::array kCases{
    Case{"success", "an update that succeeds", play::success},
    Case{"questions", "the answers to questions", play::questions},
    Case{"describe", "what Describe says, and what the module does", play::describe},
    Case{"plan", "the plan of an update", play::plan},
    Case{"unknown-call", "a call of a later version", play::unknown_call},
    Case{"update-twice", "the same update twice in a row", play::update_twice},
    Case{"fail-after-download", "the client fails after Download", play::fail_after_download},
    Case{"fail-after-install", "the client fails after ArtifactInstall", play::fail_after_install},
    Case{"fail-after-reboot", "the client fails after the reboot", play::fail_after_reboot},
    Case{"fail-after-commit", "the client fails after ArtifactCommit", play::fail_after_commit},
    Case{"cut-after-download", "the power goes after Download", play::cut_after_download},
    Case{"cut-after-install", "the power goes after ArtifactInstall", play::cut_after_install},
    Case{"cut-after-commit", "the power goes after ArtifactCommit", play::cut_after_commit},
    Case{"cuts-between", "the power goes after each state of a good update", play::cuts_between},
    Case{"cuts-between-undo", "the power goes after each state of an update that is undone",
         play::cuts_between_undo},
    Case{"cut-in-download", "the power goes during Download", play::cut_in_download},
    Case{"cut-in-install", "the power goes during ArtifactInstall", play::cut_in_install},
    Case{"cut-in-commit", "the power goes during ArtifactCommit", play::cut_in_commit},
    Case{"cut-in-rollback", "the power goes during ArtifactRollback", play::cut_in_rollback},
    Case{"cut-in-failure", "the power goes during ArtifactFailure", play::cut_in_failure},
    Case{"cut-in-cleanup", "the power goes during Cleanup", play::cut_in_cleanup},
    Case{"killed-in-install", "the module is killed during ArtifactInstall",
         play::killed_in_install},
    Case{"killed-in-commit", "the module is killed during ArtifactCommit", play::killed_in_commit},
    Case{"rollback-alone", "ArtifactRollback without an install", play::rollback_alone},
    Case{"rollback-twice", "ArtifactRollback twice", play::rollback_twice},
    Case{"failure-twice", "ArtifactFailure and Cleanup twice", play::failure_twice},
    Case{"cleanup-alone", "Cleanup alone, and twice", play::cleanup_alone},
    Case{"small-pieces", "a payload that comes in small pieces", play::small_pieces},
    Case{"slow-stream", "a payload that comes slowly", play::slow_stream},
    Case{"broken-stream", "a payload that breaks off", play::broken_stream},
    Case{"no-files", "a payload without files", play::no_files},
    Case{"empty-file", "empty payload files", play::empty_file},
    Case{"many-files", "a hundred more payload files", play::many_files},
    Case{"strange-names", "payload files with blanks and dashes in their names",
         play::strange_names},
    Case{"big-file", "a payload file of 16 MiB", play::big_file},
    Case{"bad-payload", "payload files with unexpected content", play::bad_payload},
    Case{"bad-meta-data", "unexpected meta-data", play::bad_meta_data},
    Case{"no-space", "no space left for ArtifactInstall", play::no_space},
    Case{"read-only", "read-only directories", play::read_only},
};

}  // namespace

std::span<const Case> all_cases() {
  return kCases;
}

}  // namespace patchbay::kit
