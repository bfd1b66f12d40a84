#include "sdk/kit/trace.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "sdk/kit/trace_text.hpp"
#include "sdk/kit/walk.hpp"

namespace patchbay::kit {
namespace {

namespace fs = std::filesystem;
using host::Call;
using nlohmann::json;

std::optional<Call> call_named(std::string_view name) {
  for (int number = 0; number <= static_cast<int>(Call::cleanup); ++number) {
    const auto call = static_cast<Call>(number);
    if (to_string(call) == name) return call;
  }
  return std::nullopt;
}

Result<Call> need_call(const std::string& name) {
  if (const auto call = call_named(name)) return *call;
  std::string known;
  for (int number = 0; number <= static_cast<int>(Call::cleanup); ++number)
    known += " " + std::string{to_string(static_cast<Call>(number))};
  return Error{ErrorCode::invalid_input, printable(name) + ": no such call; there are" + known};
}

bool is_download(Call call) {
  return call == Call::download || call == Call::download_with_file_sizes;
}

/// Paths below the work tree, and the sizes of files.
json listing_of(const std::string& tree) {
  json listing = json::object();
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator{tree, failed}) {
    const std::string path = entry.path().lexically_relative(tree).string();
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0) continue;
    listing[path] = S_ISREG(status.st_mode) ? json(status.st_size) : json(nullptr);
  }
  return listing;
}

json lines_of(const std::string& text) {
  json lines = json::array();
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

/// Writes down each call of a walk.
class Recorder {
 public:
  explicit Recorder(Walk& walk) : walk_{walk}, tree_(listing_of(walk.tree().path())) {
    walk.watch([this](const CallRecord& record) { add(record); });
  }

  [[nodiscard]] bool all_succeeded() const { return succeeded_; }
  [[nodiscard]] json calls() const { return calls_; }

 private:
  void add(const CallRecord& record) {
    json now = listing_of(walk_.tree().path());
    calls_.push_back({{"call", record.call},
                      {"seconds", record.seconds},
                      {"answer", record.answer},
                      {"problem", record.problem},
                      {"log", lines_of(record.log)},
                      {"tree_before", std::exchange(tree_, now)},
                      {"tree_after", now}});
    succeeded_ = succeeded_ && record.problem.empty();
  }

  Walk& walk_;
  json tree_;
  json calls_ = json::array();
  bool succeeded_ = true;
};

bool play_one(Walk& walk, Call call) {
  if (is_download(call)) return bool{walk.download()};
  if (call <= Call::plan) return bool{walk.asked(call)};
  return bool{walk.call(call)};
}

void play_calls(Walk& walk, const std::vector<Call>& calls) {
  for (const Call call : calls) {
    if (!play_one(walk, call)) return;
  }
}

/// States of the way forward, in their order; each is left out where there is no need for it.
void play_update(Walk& walk, std::optional<Call> fail_after) {
  // The client asks it as a part of the download; here it is seen.
  walk.ask(Call::provide_payload_file_sizes);
  if (!walk.download() || fail_after == Call::download) return walk.undo_download();
  if (!walk.must(Call::artifact_install) || fail_after == Call::artifact_install)
    return walk.undo();
  const auto booted = walk.reboot_after_install();
  const bool verified_is_last =
      fail_after == Call::artifact_reboot || fail_after == Call::artifact_verify_reboot;
  if (booted && (!*booted || verified_is_last)) return walk.undo();
  if (!walk.must(Call::artifact_commit) || fail_after == Call::artifact_commit) return walk.undo();
  walk.must(Call::cleanup);
  walk.end();
}

/// The payload is there before anything is done with it.
std::vector<Call> with_download(std::vector<Call> calls) {
  const bool needs = std::any_of(calls.begin(), calls.end(),
                                 [](Call call) { return call > Call::download_with_file_sizes; });
  const bool has = std::any_of(calls.begin(), calls.end(), is_download);
  if (needs && !has) calls.insert(calls.begin(), Call::download);
  return calls;
}

json changes_as_json(const Changes& changes) {
  json object = json::object();
  for (const auto& [path, what] : changes)
    object[path] = what;
  return object;
}

std::string not_started(const CaseResult& result) {
  for (const Finding& finding : result.findings) {
    if (finding.rule == "starts") return finding.happened;
  }
  return {};
}

Result<std::optional<Call>> giving_up_after(const std::string& name) {
  if (name.empty()) return std::optional<Call>{};
  PB_TRY(const Call call, need_call(name));
  const bool forward =
      is_download(call) || (call >= Call::artifact_install && call <= Call::artifact_commit);
  if (forward) return std::optional{is_download(call) ? Call::download : call};
  return Error{ErrorCode::invalid_input,
               "--fail-after " + name +
                   ": use Download, ArtifactInstall, ArtifactReboot, ArtifactVerifyReboot or "
                   "ArtifactCommit"};
}

}  // namespace

Result<bool> trace(const CheckOptions& options, const TraceOptions& wish, ReportFormat format) {
  std::vector<Call> calls;
  for (const std::string& name : wish.calls) {
    PB_TRY(const Call call, need_call(name));
    calls.push_back(call);
  }
  PB_TRY(const auto fail_after, giving_up_after(wish.fail_after));
  PB_TRY(const Subject subject, make_subject(options));
  PB_TRY(const auto settings, stage_settings(subject, options, ""));
  PB_TRY(
      const std::string text, run_on_stage(settings, [&](Stage& stage) {
        CaseResult result;
        Walk walk{subject, stage, result};
        const Recorder recorder{walk};
        calls.empty() ? play_update(walk, fail_after) : play_calls(walk, with_download(calls));
        const json report{
            {"module", subject.file.path},           {"type", subject.file.type},
            {"succeeded", recorder.all_succeeded()}, {"calls", recorder.calls()},
            {"not_started", not_started(result)},    {"changed", changes_as_json(stage.changes())}};
        return report.dump(2, ' ', false, json::error_handler_t::replace);
      }));
  const json report = json::parse(text);
  if (const auto why = report["not_started"].get<std::string>(); !why.empty())
    return Error{ErrorCode::module_failed, why};
  std::cout << (format == ReportFormat::json ? text + "\n" : trace_as_text(report));
  return report["succeeded"].get<bool>();
}

}  // namespace patchbay::kit
