#include <algorithm>
#include <utility>
#include <vector>

#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

void cut_after(Call last, const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!reach(walk, last)) return;
  walk.cut_power();
  walk.give_up(last);
}

enum class End { power_cut, killed };

/// Numbers of changes to stop at: all when they are few, else spread evenly. Most in
/// ArtifactInstall, where most goes wrong; being killed is much like a power cut.
std::vector<unsigned> sample_cuts(unsigned count, Call which, End how) {
  unsigned most = which == Call::artifact_install ? 6 : 4;
  if (how == End::killed) most = 2;
  std::vector<unsigned> cuts;
  const unsigned step = std::max(1U, (count + most - 1) / most);
  for (unsigned nth = 1; nth <= count; nth += step)
    cuts.push_back(nth);
  return cuts;
}

/// Brings a walk to where `call` is due.
bool come_to(Walk& walk, Call call) {
  walk.begin();
  if (!walk.must_download()) return false;
  if (call == Call::artifact_install) return true;
  if (!walk.must(Call::artifact_install)) return false;
  if (call == Call::artifact_rollback) return true;
  if (call == Call::artifact_commit) return walk.reboot_after_install().value_or(true);
  if (call == Call::artifact_failure) return walk.must(Call::artifact_rollback);
  return walk.finish_update();
}

void cut_within(Call which, End how, const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!needs_rollback(walk, result) || !come_to(walk, which)) return;
  const unsigned count = walk.changes_of(which);
  // Nothing comes after a Cleanup, and nothing is left to roll back with.
  if (which == Call::cleanup) {
    walk.end();
  } else {
    walk.undo();
  }
  for (const unsigned nth : sample_cuts(count, which, how)) {
    if (!result.findings.empty() || !come_to(walk, which)) return;
    const bool reached =
        how == End::power_cut ? walk.cut_in(which, nth) : walk.killed_in(which, nth);
    if (!reached) return;
    if (which == Call::cleanup) {
      walk.must(Call::cleanup);
      walk.end();
      return walk.expect_tidy();
    }
    walk.undo();
    walk.expect_as_before(std::string{"after "} +
                          (how == End::power_cut ? "a power cut in " : "a SIGKILL in ") +
                          std::string{to_string(which)} + " was undone");
    walk.forget();
  }
}

}  // namespace

void cut_after_download(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_after(Call::download, subject, stage, result);
}

void cut_after_install(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_after(Call::artifact_install, subject, stage, result);
}

void cut_after_commit(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_after(Call::artifact_commit, subject, stage, result);
}

void cuts_between_undo(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!needs_rollback(walk, result)) return;
  walk.cut_power_between_states();
  if (reach(walk, Call::artifact_install)) walk.give_up(Call::artifact_install);
}

void cut_in_download(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  std::size_t bytes = 0;
  for (const SampleFile& file : subject.sample.files)
    bytes += file.bytes.size();
  Pace pace{.piece = bytes / 4 + 1, .pause = {}, .breaks_at = 2};
  pace.at_break = [&stage] { stage.cut_power(); };
  (void)walk.download(std::move(pace));
  walk.note("in the middle of it");
  walk.cut_power();
  walk.give_up(Call::download);
}

void cut_in_install(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_install, End::power_cut, subject, stage, result);
}

void cut_in_commit(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_commit, End::power_cut, subject, stage, result);
}

void cut_in_rollback(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_rollback, End::power_cut, subject, stage, result);
}

void cut_in_failure(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_failure, End::power_cut, subject, stage, result);
}

void cut_in_cleanup(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::cleanup, End::power_cut, subject, stage, result);
}

void killed_in_install(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_install, End::killed, subject, stage, result);
}

void killed_in_commit(const Subject& subject, Stage& stage, CaseResult& result) {
  cut_within(Call::artifact_commit, End::killed, subject, stage, result);
}

}  // namespace patchbay::kit::play
