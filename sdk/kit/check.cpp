#include "sdk/kit/check.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/kit/cases.hpp"
#include "sdk/kit/stage.hpp"

namespace patchbay::kit {
namespace {

namespace fs = std::filesystem;

Status check_names(const std::vector<std::string>& only) {
  for (const std::string& name : only) {
    const auto cases = all_cases();
    if (std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return c.name == name; }))
      continue;
    std::string known;
    for (const Case& one : cases)
      known += " " + std::string{one.name};
    return Error{ErrorCode::invalid_input, "--only " + name + ": no such case; there are" + known};
  }
  return Done{};
}

Result<std::string> real_path(const std::string& path) {
  std::error_code failed;
  auto real = fs::canonical(path, failed);
  if (failed) return Error::from_errno(failed.value(), path);
  return real.string();
}

/// Behind all links: that is where the module will find it.
Result<std::string> real_device(const std::string& path) {
  PB_TRY(auto real, real_path(path));
  const bool device = fs::is_character_file(real) || fs::is_block_file(real);
  if (device && real.starts_with("/dev/")) return real;
  return Error{ErrorCode::invalid_input, "--device " + path + ": not a device below /dev"};
}

Result<std::string> real_socket(const std::string& path) {
  PB_TRY(auto real, real_path(path));
  if (fs::is_socket(real)) return real;
  return Error{ErrorCode::invalid_input, "--socket " + path + ": not a socket"};
}

Result<std::string> real_program(const std::string& path) {
  PB_TRY(auto real, real_path(path));
  if (fs::is_regular_file(real) && ::access(real.c_str(), X_OK) == 0) return real;
  return Error{ErrorCode::denied, "--start " + path + ": not a program"};
}

/// It need not exist yet.
Result<std::string> absolute_path(const std::string& path) {
  if (!path.starts_with('/'))
    return Error{ErrorCode::invalid_input, "--ignore " + path + ": not an absolute path"};
  auto normal = fs::path{path}.lexically_normal().string();
  if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

Result<CaseResult> play(const Case& one, const Subject& subject, const CheckOptions& options) {
  PB_TRY(const auto settings, stage_settings(subject, options, one.name));
  const auto start = std::chrono::steady_clock::now();
  auto text = run_on_stage(settings, [&](Stage& stage) {
    CaseResult result;
    one.play(subject, stage, result);
    return serialise(result);
  });
  CaseResult result;
  if (text) {
    result = deserialise(*text);
  } else if (text.error().code() == ErrorCode::timeout) {
    result.findings.push_back({"ends-in-time", std::string{one.title},
                               "every call ends within its time limit", text.error().message()});
  } else if (text.error().code() == ErrorCode::module_failed) {
    result.findings.push_back({"reboots", std::string{one.title},
                               "the client reboots the machine, when NeedsArtifactReboot was "
                               "answered with Automatic, or ArtifactReboot does, with Yes",
                               text.error().message()});
  } else {
    return text.error();
  }
  result.name = one.name;
  result.title = one.title;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// Why the cases after this one would only say the same again; empty when they would not.
std::string spoils_the_rest(const CaseResult& result) {
  for (const Finding& finding : result.findings) {
    if (finding.rule == "ends-in-time") return "a call hangs; mend that first";
    if (finding.rule == "no-processes") return "a process is left behind; mend that first";
    if (finding.rule == "reboots") return "the module reboots the machine; mend that first";
    if (finding.rule == "ends-well") return "the plugin does not end well; mend that first";
    if (finding.rule == "starts") return "the module cannot be started; mend that first";
    if (finding.rule == "succeeds" && result.name == all_cases().front().name)
      return "not even a good update succeeds; mend that first";
  }
  return {};
}

/// What is given has to be what an artifact can hold.
Status check_given(const CheckOptions& options, const Sample& sample) {
  const auto& meta = options.meta_data;
  if (!meta.empty() && !nlohmann::json::parse(meta, nullptr, false).is_object())
    return Error{ErrorCode::invalid_input, "--meta " + printable(meta) + ": not a JSON object"};
  std::set<std::string> names;
  for (const SampleFile& file : sample.files) {
    if (names.insert(file.name).second) continue;
    return Error{ErrorCode::invalid_input, "two files of the payload are called " +
                                               printable(file.name) +
                                               ": an artifact cannot hold both"};
  }
  return Done{};
}

/// A payload of the kit's own that a module refuses says nothing about the module.
Status check_sample(const Subject& subject, const CaseResult& result) {
  if (!subject.sample.ours || result.name != all_cases().front().name || result.findings.empty())
    return Done{};
  const Finding& first = result.findings.front();
  const bool refused = first.rule == "succeeds" && first.done.ends_with("ArtifactInstall");
  if (!refused) return Done{};
  return Error{
      ErrorCode::invalid_input,
      "the module does not install the payload that the kit has made up: " + first.happened +
          "; give it one with --payload FILE and --meta JSON, or --artifact FILE"};
}

}  // namespace

Result<Subject> make_subject(const CheckOptions& options) {
  Subject subject;
  PB_TRY(subject.file.path, real_path(options.module));
  const fs::path path{subject.file.path};
  const bool plugin = path.extension() == ".so";
  subject.file.binding = plugin ? host::Binding::plugin : host::Binding::executable;
  if (!plugin && ::access(path.c_str(), X_OK) != 0) {
    return Error{ErrorCode::denied, path.string() + " is not executable; chmod 755 it"};
  }
  const std::string type =
      !options.type.empty() ? options.type : (plugin ? path.stem() : path.filename()).string();
  subject.sample = make_sample(type);
  if (!options.payload.empty()) {
    PB_TRY(subject.sample, read_sample(type, options.payload));
  }
  if (!options.artifact.empty()) {
    PB_TRY(subject.sample, read_artifact_sample(options.artifact));
  }
  if (!options.meta_data.empty()) subject.sample.meta_data = options.meta_data;
  PB_CHECK(check_given(options, subject.sample));
  subject.file.type = subject.sample.type;
  PB_TRY(subject.program, real_path("/proc/self/exe"));
  subject.call_limit = options.call_limit;
  subject.environment = {kProgramPath, "MENDER_DATASTORE_DIR=/var/lib/patchbay-check"};
  return subject;
}

Result<StageSettings> stage_settings(const Subject& subject, const CheckOptions& options,
                                     std::string_view name) {
  StageSettings settings;
  if (!options.keep.empty()) {
    PB_TRY(settings.keep_in, real_path(options.keep));
    if (!name.empty()) settings.keep_in = os::join(settings.keep_in, name);
  }
  for (const std::string& device : options.devices) {
    PB_TRY(const std::string real, real_device(device));
    settings.shown.push_back(real);
  }
  for (const std::string& socket : options.sockets) {
    PB_TRY(const std::string real, real_socket(socket));
    settings.shown.push_back(real);
  }
  for (const std::string& path : options.ignored) {
    PB_TRY(const std::string place, absolute_path(path));
    settings.ignored.push_back(place);
  }
  if (!options.start_program.empty()) {
    PB_TRY(settings.start_program, real_program(options.start_program));
  }
  settings.own_directory = fs::path{subject.file.path}.parent_path().string();
  settings.time_limit =
      std::max<std::chrono::seconds>(options.call_limit * 12, std::chrono::seconds{60});
  return settings;
}

Result<CheckReport> check(const CheckOptions& options) {
  PB_CHECK(check_names(options.only));
  PB_TRY(Subject subject, make_subject(options));
  CheckReport report{subject.file.path, options.repeat, {}};
  std::string spoiled;
  for (const Case& one : all_cases()) {
    const bool wanted = options.only.empty() || std::find(options.only.begin(), options.only.end(),
                                                          one.name) != options.only.end();
    if (!wanted) continue;
    if (!spoiled.empty()) {
      report.cases.push_back({std::string{one.name}, std::string{one.title}, 0, spoiled, {}});
      continue;
    }
    PB_TRY(auto result, play(one, subject, options));
    PB_CHECK(check_sample(subject, result));
    spoiled = spoils_the_rest(result);
    // What a case does to these, the end of it does not undo.
    subject.may_be_there = !options.devices.empty() || !options.sockets.empty();
    report.cases.push_back(std::move(result));
  }
  return report;
}

}  // namespace patchbay::kit
