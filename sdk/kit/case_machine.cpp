#include <filesystem>
#include <set>
#include <vector>

#include "core/os/file.hpp"
#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

}  // namespace

void no_space(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!walk.must_download()) return walk.undo_download();
  if (const auto filled = stage.fill_disk(); !filled) {
    result.skipped = filled.error().message();
    return;
  }
  const auto installed = walk.call(Call::artifact_install);
  const auto outcome = outcome_of(stage.changes());
  if (const auto roomy = stage.give_room(); !roomy)
    return walk.find("kit", "the disk gets its room back", roomy.error().message());
  const bool rollback = walk.supports_rollback();
  walk.undo();
  if (rollback) walk.expect_as_before("an ArtifactInstall on a full disk that was undone");
  if (!installed) return;
  // It says that all is well: then the same must be there as with room.
  walk.begin();
  if (!walk.must_download() || !walk.must(Call::artifact_install)) return;
  for (const auto& [path, what] : outcome_of(stage.changes())) {
    const auto found = outcome.find(path);
    if (found != outcome.end() && found->second == what) continue;
    walk.find("tells-failure", "an ArtifactInstall that could not install fails",
              "on a full disk it succeeded, but " + path + " was not there as it should be");
  }
  walk.undo();
}

void read_only(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!reach(walk, Call::artifact_install)) return;
  const auto changes = stage.changes();
  std::set<std::string> directories;
  for (const auto& [path, what] : changes)
    directories.insert(std::filesystem::path{path}.parent_path().string());
  // The work tree is made and removed below.
  directories.erase("/");
  directories.erase("/var");
  directories.erase("/var/lib");
  if (!walk.supports_rollback() || changes.empty()) {
    result.skipped = "needs a module that changes files and supports rollback";
    return;
  }
  walk.undo();
  std::vector<std::string> existing;
  for (const auto& directory : directories) {
    if (os::exists(directory)) existing.push_back(directory);
  }
  if (const auto made = stage.make_read_only(existing); !made || existing.empty()) {
    result.skipped = "the directories it changes cannot be made read-only here";
    return;
  }
  walk.begin();
  const auto downloaded = walk.download();
  const auto installed = downloaded ? walk.call(Call::artifact_install) : downloaded;
  Stage::make_writable(existing);
  if (!downloaded) return walk.undo_download();
  if (installed && stage.changes().empty()) {
    walk.find("tells-failure", "an ArtifactInstall that could not install fails",
              "it succeeded although " + existing.front() + " was read-only");
  }
  walk.undo();
  walk.expect_as_before("an ArtifactInstall in read-only directories that was undone");
}

}  // namespace patchbay::kit::play
