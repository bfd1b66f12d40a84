#pragma once

#include <map>
#include <string>

#include "sdk/kit/walk.hpp"

/// What the cases do; the table of cases.cpp names and orders them.
namespace patchbay::kit::play {

// case_good.cpp: updates that succeed
void success(const Subject& subject, Stage& stage, CaseResult& result);
void update_twice(const Subject& subject, Stage& stage, CaseResult& result);
void cuts_between(const Subject& subject, Stage& stage, CaseResult& result);

// case_questions.cpp: questions, and a call that is not known
void questions(const Subject& subject, Stage& stage, CaseResult& result);
void describe(const Subject& subject, Stage& stage, CaseResult& result);
void plan(const Subject& subject, Stage& stage, CaseResult& result);
void unknown_call(const Subject& subject, Stage& stage, CaseResult& result);

// case_failure.cpp: failures after a state, and calls that come alone or twice
void fail_after_download(const Subject& subject, Stage& stage, CaseResult& result);
void fail_after_install(const Subject& subject, Stage& stage, CaseResult& result);
void fail_after_reboot(const Subject& subject, Stage& stage, CaseResult& result);
void fail_after_commit(const Subject& subject, Stage& stage, CaseResult& result);
void rollback_alone(const Subject& subject, Stage& stage, CaseResult& result);
void rollback_twice(const Subject& subject, Stage& stage, CaseResult& result);
void failure_twice(const Subject& subject, Stage& stage, CaseResult& result);
void cleanup_alone(const Subject& subject, Stage& stage, CaseResult& result);

// case_cut.cpp: the power goes, or the module is killed
void cut_after_download(const Subject& subject, Stage& stage, CaseResult& result);
void cut_after_install(const Subject& subject, Stage& stage, CaseResult& result);
void cut_after_commit(const Subject& subject, Stage& stage, CaseResult& result);
void cuts_between_undo(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_download(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_install(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_commit(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_rollback(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_failure(const Subject& subject, Stage& stage, CaseResult& result);
void cut_in_cleanup(const Subject& subject, Stage& stage, CaseResult& result);
void killed_in_install(const Subject& subject, Stage& stage, CaseResult& result);
void killed_in_commit(const Subject& subject, Stage& stage, CaseResult& result);

// case_payload.cpp: payloads of all shapes, and how they come
void small_pieces(const Subject& subject, Stage& stage, CaseResult& result);
void slow_stream(const Subject& subject, Stage& stage, CaseResult& result);
void broken_stream(const Subject& subject, Stage& stage, CaseResult& result);
void no_files(const Subject& subject, Stage& stage, CaseResult& result);
void empty_file(const Subject& subject, Stage& stage, CaseResult& result);
void many_files(const Subject& subject, Stage& stage, CaseResult& result);
void strange_names(const Subject& subject, Stage& stage, CaseResult& result);
void big_file(const Subject& subject, Stage& stage, CaseResult& result);
void bad_payload(const Subject& subject, Stage& stage, CaseResult& result);
void bad_meta_data(const Subject& subject, Stage& stage, CaseResult& result);

// case_machine.cpp: a machine that does not help
void no_space(const Subject& subject, Stage& stage, CaseResult& result);
void read_only(const Subject& subject, Stage& stage, CaseResult& result);

// ---- shared by them ----

/// Plays the good update up to and including `last`: Download, ArtifactInstall, or ArtifactCommit.
bool reach(Walk& walk, host::Call last);
/// What changes look like from outside: which files, and what they hold.
std::map<std::string, std::string> outcome_of(const Changes& changes);
/// Whether the module rolls back; says in `result` that the case needs it when it does not.
bool needs_rollback(Walk& walk, CaseResult& result);

}  // namespace patchbay::kit::play
