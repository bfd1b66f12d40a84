#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sdk/kit/case_plays.hpp"
#include "sdk/kit/description.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

bool is_declared(const std::string& path, const std::vector<std::string>& writes) {
  return std::any_of(writes.begin(), writes.end(), [&path](const std::string& place) {
    const bool below =
        path.starts_with(place) &&
        (path.size() == place.size() || path[place.size()] == '/' || place.ends_with('/'));
    // A missing parent directory of a declared path may be made, too.
    return below || place.starts_with(path + "/");
  });
}

std::ptrdiff_t count_created(const Changes& changes) {
  return std::count_if(changes.begin(), changes.end(),
                       [](const auto& change) { return change.second == "created"; });
}

void check_early_install(Walk& walk, const Changes& downloaded) {
  for (const auto& [path, what] : downloaded) {
    if (what == "created") continue;
    walk.find("download-installs-nothing", "Download writes only where nothing is in use",
              to_text({{path, what}}) + " already during Download");
  }
}

}  // namespace

/// What a change looks like from outside: which files, and what they hold.
std::map<std::string, std::string> outcome_of(const Changes& changes) {
  std::map<std::string, std::string> outcome;
  for (const auto& [path, what] : changes)
    outcome[path] = what == "removed" ? "removed" : Stage::digest(path);
  return outcome;
}

void success(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  auto described = walk.asked(Call::describe);
  if (!described && described.error().code() == ErrorCode::timeout)
    return walk.judge(described.error(), to_string(Call::describe));
  if (!walk.must_download()) return walk.undo_download();
  const auto downloaded = stage.changes();
  check_early_install(walk, downloaded);
  if (!walk.must(Call::artifact_install)) return walk.undo();
  const auto installed = stage.changes();
  if (!downloaded.empty() && outcome_of(downloaded) == outcome_of(installed)) {
    walk.find("download-installs-nothing", "what is new takes effect in ArtifactInstall",
              "everything was there after Download already: " + to_text(downloaded));
  }
  if (!walk.finish_update()) return walk.undo();
  const auto committed = outcome_of(stage.changes());
  walk.must(Call::cleanup);
  walk.end();
  walk.expect_tidy();
  for (const auto& [path, what] : outcome_of(stage.changes())) {
    const auto before = committed.find(path);
    if (before != committed.end() && before->second == what) continue;
    walk.find("cleanup-only-tidies", "Cleanup removes leftovers and changes nothing else",
              path + " changed in Cleanup");
  }
  const auto writes = read_description(std::move(described).value_or("")).writes;
  for (const auto& [path, what] : stage.changes()) {
    if (writes && !is_declared(path, *writes)) {
      walk.find("declared-places", "a module changes only what its Describe declares",
                to_text({{path, what}}));
    }
  }
}

void update_twice(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  std::array<Changes, 2> after;
  for (Changes& changes : after) {
    walk.begin();
    if (!walk.must_download() || !walk.must(Call::artifact_install) || !walk.finish_update())
      return;
    walk.must(Call::cleanup);
    walk.end();
    changes = stage.changes();
  }
  // What has another name each time may take the place of the one before.
  if (count_created(after[1]) <= count_created(after[0])) return;
  for (const auto& [path, what] : after[1]) {
    if (after[0].contains(path) || what != "created") continue;
    walk.find("tidy", "the same update for the second time leaves nothing more behind",
              path + " came with the second update");
  }
}

void cuts_between(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  walk.cut_power_between_states();
  if (!reach(walk, Call::artifact_commit)) return;
  walk.must(Call::cleanup);
  walk.end();
  walk.expect_tidy();
}

}  // namespace patchbay::kit::play
