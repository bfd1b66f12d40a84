#include <chrono>
#include <utility>

#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

/// The module's own failing installation: the sample is one it cannot install.
void play_bad_sample(const Subject& subject, const Sample& sample, Stage& stage,
                     CaseResult& result) {
  Walk walk{subject, sample, stage, result};
  const auto downloaded = walk.download();
  if (!downloaded && downloaded.error().code() == ErrorCode::timeout)
    walk.judge(downloaded.error(), "Download");
  if (!downloaded) {
    walk.undo_download();
    return walk.expect_as_before("after a Download that has failed");
  }
  const auto installed = walk.call(Call::artifact_install);
  if (!installed && installed.error().code() == ErrorCode::timeout)
    walk.judge(installed.error(), "ArtifactInstall");
  const bool rollback = walk.supports_rollback();
  // The way back may be in the very payload that is bad.
  const bool undone = walk.undo_if_possible();
  if (rollback && undone) return walk.expect_as_before("an ArtifactInstall that was undone");
  walk.expect_tidy();
}

void compare_pace(const Subject& subject, Stage& stage, CaseResult& result, Pace pace) {
  Walk walk{subject, stage, result};
  if (!walk.must_download(std::move(pace))) return walk.undo_download();
  if (!walk.must(Call::artifact_install) || !walk.finish_update()) return;
  walk.must(Call::cleanup);
  walk.end();
}

}  // namespace

void bad_payload(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  for (SampleFile& file : sample.files)
    file.bytes = "this is not what you expect\n";
  play_bad_sample(subject, sample, stage, result);
}

void no_files(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  sample.files.clear();
  play_bad_sample(subject, sample, stage, result);
}

void bad_meta_data(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  sample.meta_data = R"({"unexpected": [1, null, "\u0001"]})";
  play_bad_sample(subject, sample, stage, result);
}

void empty_file(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  for (SampleFile& file : sample.files)
    file.bytes.clear();
  play_bad_sample(subject, sample, stage, result);
}

void many_files(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  for (unsigned i = 0; i < 100; ++i)
    sample.files.push_back({"more_" + std::to_string(i), noise(100, i)});
  play_bad_sample(subject, sample, stage, result);
}

void strange_names(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  for (const char* name : {"-rf", "a b", "x,y_z-1.2", "%s"})
    sample.files.push_back({name, noise(100, 3)});
  play_bad_sample(subject, sample, stage, result);
}

void big_file(const Subject& subject, Stage& stage, CaseResult& result) {
  Sample sample = subject.sample;
  if (!sample.files.empty()) sample.files.back().bytes = noise(16 * kMiB, 5);
  play_bad_sample(subject, sample, stage, result);
}

void small_pieces(const Subject& subject, Stage& stage, CaseResult& result) {
  compare_pace(subject, stage, result, {.piece = 997, .pause = {}, .breaks_at = {}});
}

void slow_stream(const Subject& subject, Stage& stage, CaseResult& result) {
  std::size_t bytes = 1;
  for (const SampleFile& file : subject.sample.files)
    bytes += file.bytes.size();
  compare_pace(subject, stage, result,
               {.piece = bytes / 8 + 1, .pause = std::chrono::milliseconds{50}, .breaks_at = {}});
}

void broken_stream(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  const auto start = std::chrono::steady_clock::now();
  (void)walk.download({.piece = 4096, .pause = {}, .breaks_at = 1});
  // A module in the middle of its stream gets SIGTERM, and SIGKILL four seconds later.
  if (std::chrono::steady_clock::now() - start > std::chrono::milliseconds{3800}) {
    walk.find("stops", "a module that gets SIGTERM ends soon", "it had to be killed");
  }
  walk.undo_download();
  walk.expect_as_before("after a Download that broke off");
}

}  // namespace patchbay::kit::play
