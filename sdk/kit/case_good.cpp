#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "core/os/process.hpp"
#include "sdk/kit/case_plays.hpp"

namespace patchbay::kit::play {
namespace {

using host::Call;

constexpr std::array kQuestions{Call::provide_payload_file_sizes, Call::needs_artifact_reboot,
                                Call::supports_rollback};

/// The paths a module says it may change; nothing when it says nothing.
std::optional<std::vector<std::string>> declared_writes(const std::string& description) {
  const auto object = nlohmann::json::parse(description, nullptr, false);
  if (!object.is_object() || !object.contains("writes")) return std::nullopt;
  std::vector<std::string> writes;
  for (const auto& path : object["writes"]) {
    if (!path.is_string() || path == "*") return std::nullopt;
    writes.push_back(path);
  }
  return writes;
}

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

void questions(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  for (const Call question : kQuestions) {
    const auto first = walk.ask(question);
    if (walk.ask(question) != first) {
      walk.find("answers", "a question may be asked more than once",
                std::string{to_string(question)} + " was answered differently the second time");
    }
  }
  const auto changes = stage.changes();
  if (!changes.empty()) {
    walk.find("questions-only-ask", "a question does not change anything", to_text(changes));
  }
  const auto tmp = os::list_directory(walk.tree().path() + "/tmp").value_or({});
  if (!tmp.empty()) {
    walk.find("questions-only-ask", "a question does not change anything",
              "tmp/" + tmp.front() + " was made in the work tree");
  }
}

void unknown_call(const Subject& subject, Stage& stage, CaseResult& result) {
  if (subject.file.binding == host::Binding::plugin) {
    result.skipped = "the module host answers unknown calls of plugins itself";
    return;
  }
  Walk walk{subject, stage, result};
  walk.note("PatchbayTriesSomethingNew");
  os::Command command;
  command.program = subject.file.path;
  command.arguments = {"PatchbayTriesSomethingNew", walk.tree().path()};
  command.environment = subject.environment;
  command.working_directory = walk.tree().path();
  const auto exit = os::run(command, Deadline::after(subject.call_limit));
  const std::string expected =
      "a call the module does not know does nothing, prints nothing, exits 0";
  if (!exit) return walk.find("unknown-call", expected, exit.error().message());
  if (!exit->success()) walk.find("unknown-call", expected, "it ended with " + exit->describe());
  if (!exit->output.empty()) {
    walk.find("unknown-call", expected, "it printed \"" + printable(exit->output) + "\"");
  }
  const auto changes = stage.changes();
  if (!changes.empty()) walk.find("unknown-call", expected, to_text(changes));
}

void success(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  const auto description = [&] {
    const auto bound =
        host::bind_module(subject.file, walk.tree().path(), {}, walk.quiet(), nullptr);
    return bound ? (*bound)->ask(Call::describe).value_or("") : std::string{};
  }();
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
  const auto writes = declared_writes(description);
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
