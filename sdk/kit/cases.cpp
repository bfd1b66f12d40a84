#include "sdk/kit/cases.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "core/os/file.hpp"
#include "core/os/process.hpp"

namespace patchbay::kit {
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

// ---- questions ----

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

// ---- good updates ----

void check_early_install(Walk& walk, const Changes& downloaded) {
  for (const auto& [path, what] : downloaded) {
    if (what == "created") continue;
    walk.find("download-installs-nothing", "Download writes only where nothing is in use",
              to_text({{path, what}}) + " already during Download");
  }
}

/// What a change looks like from outside: which files, and what they hold.
std::map<std::string, std::string> outcome_of(const Changes& changes) {
  std::map<std::string, std::string> outcome;
  for (const auto& [path, what] : changes)
    outcome[path] = what == "removed" ? "removed" : Stage::digest(path);
  return outcome;
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
  for (const auto& [path, what] : after[1]) {
    if (after[0].contains(path) || what != "created") continue;
    walk.find("tidy", "the same update for the second time leaves nothing more behind",
              path + " came with the second update");
  }
}

// ---- failures and cuts after a state ----

enum class Interruption { failure, cut };

bool reach(Walk& walk, Call last) {
  if (!walk.must_download() || last == Call::download) return last == Call::download;
  if (!walk.must(Call::artifact_install) || last == Call::artifact_install)
    return last == Call::artifact_install;
  return walk.finish_update();
}

template <Call Last, Interruption How>
void interrupted(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!reach(walk, Last)) return;
  if (How == Interruption::cut) walk.cut_power();
  if (Last == Call::download) {
    walk.undo_download();
    return walk.expect_as_before("after a Download that was given up");
  }
  const bool rollback = walk.supports_rollback();
  walk.undo();
  if (rollback) return walk.expect_as_before("ArtifactInstall once ArtifactRollback has run");
  walk.expect_tidy();
}

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

// ---- streams ----

void compare_pace(const Subject& subject, Stage& stage, CaseResult& result, Pace pace) {
  Walk walk{subject, stage, result};
  if (!walk.must_download(pace)) return walk.undo_download();
  if (!walk.must(Call::artifact_install) || !walk.finish_update()) return;
  walk.must(Call::cleanup);
  walk.end();
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

// ---- repetitions ----

void rollback_alone(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!walk.supports_rollback()) {
    result.skipped = "the module does not support rollback";
    return;
  }
  if (!walk.must_download()) return walk.undo_download();
  walk.undo();
  walk.expect_as_before("when ArtifactRollback comes without an install");
}

void rollback_twice(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!walk.supports_rollback()) {
    result.skipped = "the module does not support rollback";
    return;
  }
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

// ---- a hostile machine ----

void no_space(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!walk.must_download()) return walk.undo_download();
  if (const auto filled = stage.fill_disk(); !filled) {
    result.skipped = filled.error().message();
    return;
  }
  const auto installed = walk.call(Call::artifact_install);
  const auto outcome = outcome_of(stage.changes());
  stage.give_room();
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

// ---- cuts in the middle of a call ----

/// Numbers of changes to cut at: all when they are few, else spread evenly.
std::vector<unsigned> sample_cuts(unsigned count) {
  constexpr unsigned kMost = 6;
  std::vector<unsigned> cuts;
  const unsigned step = std::max(1U, (count + kMost - 1) / kMost);
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
  if (call == Call::artifact_commit) return true;
  return walk.finish_update();
}

template <Call Which>
void cut_within(const Subject& subject, Stage& stage, CaseResult& result) {
  Walk walk{subject, stage, result};
  if (!walk.supports_rollback()) {
    result.skipped = "the module does not support rollback";
    return;
  }
  if (!come_to(walk, Which)) return;
  const unsigned count = walk.changes_of(Which);
  walk.undo();
  if (!result.findings.empty()) return;
  for (const unsigned nth : sample_cuts(count)) {
    if (!come_to(walk, Which) || !walk.cut_in(Which, nth)) break;
    if (Which == Call::cleanup) {
      walk.must(Call::cleanup);
      walk.end();
      walk.expect_tidy();
      return;
    }
    walk.undo();
    walk.expect_as_before("after a power cut in " + std::string{to_string(Which)} + " was undone");
    if (!result.findings.empty()) return;
    walk.forget();
  }
}

// The first one decides whether the others make sense.
constexpr std::array kCases{
    Case{"success", "an update that succeeds", success},
    Case{"questions", "the answers to questions", questions},
    Case{"unknown-call", "a call of a later version", unknown_call},
    Case{"update-twice", "the same update twice in a row", update_twice},
    Case{"fail-after-download", "the client fails after Download",
         interrupted<Call::download, Interruption::failure>},
    Case{"fail-after-install", "the client fails after ArtifactInstall",
         interrupted<Call::artifact_install, Interruption::failure>},
    Case{"fail-after-commit", "the client fails after ArtifactCommit",
         interrupted<Call::artifact_commit, Interruption::failure>},
    Case{"cut-after-download", "the power goes after Download",
         interrupted<Call::download, Interruption::cut>},
    Case{"cut-after-install", "the power goes after ArtifactInstall",
         interrupted<Call::artifact_install, Interruption::cut>},
    Case{"cut-after-commit", "the power goes after ArtifactCommit",
         interrupted<Call::artifact_commit, Interruption::cut>},
    Case{"cut-in-install", "the power goes during ArtifactInstall",
         cut_within<Call::artifact_install>},
    Case{"cut-in-commit", "the power goes during ArtifactCommit",
         cut_within<Call::artifact_commit>},
    Case{"cut-in-rollback", "the power goes during ArtifactRollback",
         cut_within<Call::artifact_rollback>},
    Case{"cut-in-cleanup", "the power goes during Cleanup", cut_within<Call::cleanup>},
    Case{"rollback-alone", "ArtifactRollback without an install", rollback_alone},
    Case{"rollback-twice", "ArtifactRollback twice", rollback_twice},
    Case{"failure-twice", "ArtifactFailure and Cleanup twice", failure_twice},
    Case{"cleanup-alone", "Cleanup alone, and twice", cleanup_alone},
    Case{"small-pieces", "a payload that comes in small pieces", small_pieces},
    Case{"slow-stream", "a payload that comes slowly", slow_stream},
    Case{"broken-stream", "a payload that breaks off", broken_stream},
    Case{"no-files", "a payload without files", no_files},
    Case{"empty-file", "empty payload files", empty_file},
    Case{"many-files", "a hundred more payload files", many_files},
    Case{"strange-names", "payload files with blanks and dashes in their names", strange_names},
    Case{"big-file", "a payload file of 16 MiB", big_file},
    Case{"bad-payload", "payload files with unexpected content", bad_payload},
    Case{"bad-meta-data", "unexpected meta-data", bad_meta_data},
    Case{"no-space", "no space left for ArtifactInstall", no_space},
    Case{"read-only", "read-only directories", read_only},
};

}  // namespace

std::span<const Case> all_cases() {
  return kCases;
}

}  // namespace patchbay::kit
