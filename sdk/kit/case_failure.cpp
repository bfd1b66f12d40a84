#include <string>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

void fail_after(Call last, const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (reach(walk, last)) walk.give_up(last);
}

/// A script that has a way back, and does not say so.
bool hides_rollback(const std::string& path) {
  constexpr std::size_t kLargestScript = kMiB;
  const auto text = os::read_file(path, kLargestScript).value_or("");
  const auto names = [&text](Call call) { return text.find(to_string(call)) != std::string::npos; };
  return text.starts_with("#!") && names(Call::artifact_rollback) &&
         !names(Call::supports_rollback);
}

}  // namespace

bool reach(Walk& walk, Call last) {
  if (!walk.must_download() || last == Call::download) return last == Call::download;
  if (!walk.must(Call::artifact_install) || last == Call::artifact_install)
    return last == Call::artifact_install;
  return walk.finish_update();
}

bool needs_rollback(Walk& walk, CaseResult& result) {
  if (walk.supports_rollback()) return true;
  result.skipped = "the module does not support rollback";
  if (hides_rollback(walk.subject().file.path)) {
    result.skipped +=
        "; it knows ArtifactRollback, which nobody calls unless SupportsRollback is answered with "
        "Yes";
  }
  return false;
}

void fail_after_download(const Subject& subject, Stage& stage, CaseResult& result) {
  fail_after(Call::download, subject, stage, result);
}

void fail_after_install(const Subject& subject, Stage& stage, CaseResult& result) {
  fail_after(Call::artifact_install, subject, stage, result);
}

void fail_after_commit(const Subject& subject, Stage& stage, CaseResult& result) {
  fail_after(Call::artifact_commit, subject, stage, result);
}

void fail_after_reboot(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!reach(walk, Call::artifact_install)) return;
  const auto booted = walk.reboot_after_install();
  if (!booted) {
    result.skipped = "the module needs no reboot";
    return walk.undo();
  }
  if (*booted) walk.give_up(Call::artifact_verify_reboot);
}

void rollback_alone(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!needs_rollback(walk, result)) return;
  if (!walk.must_download()) return walk.undo_download();
  walk.undo();
  walk.expect_as_before("when ArtifactRollback comes without an install");
}

void rollback_twice(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!needs_rollback(walk, result)) return;
  if (!reach(walk, Call::artifact_install)) return;
  walk.must(Call::artifact_rollback);
  walk.undo();
  walk.expect_as_before("when ArtifactRollback comes twice");
}

void cleanup_alone(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  walk.must(Call::cleanup);
  walk.must(Call::cleanup);
  walk.end();
  walk.expect_as_before("when Cleanup comes alone, and twice");
}

void failure_twice(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!reach(walk, Call::artifact_install)) return;
  const bool rollback = walk.supports_rollback();
  if (rollback) walk.must(Call::artifact_rollback);
  walk.must(Call::artifact_failure);
  walk.must(Call::artifact_failure);
  walk.must(Call::cleanup);
  walk.must(Call::cleanup);
  walk.end();
  if (rollback) walk.expect_as_before("when ArtifactFailure and Cleanup come twice");
}

}  // namespace patchbay::kit::play
