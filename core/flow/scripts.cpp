#include "core/flow/scripts.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>

#include "core/os/file.hpp"
#include "core/os/process.hpp"

namespace patchbay::flow {
namespace {

/// A script exits with this to be run again later.
constexpr int kRetryLater = 21;
constexpr std::string_view kVersionFile = "version";
constexpr std::size_t kVersionLimit = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// GROUP_NN or GROUP_NN_text, text without white space.
bool belongs_to(std::string_view name, std::string_view group) {
  if (!name.starts_with(group)) return false;
  name.remove_prefix(group.size());
  if (name.size() < 3 || name[0] != '_' || !is_digit(name[1]) || !is_digit(name[2])) return false;
  name.remove_prefix(3);
  if (name.empty()) return true;
  return name.size() > 1 && name[0] == '_' &&
         name.find_first_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string in_seconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count() / 1000) + " s";
}

Status check_version(const std::string& directory) {
  const std::string path = os::join(directory, kVersionFile);
  if (!os::exists(path)) return Done{};
  PB_TRY(std::string text, os::read_file(path, kVersionLimit));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  if (text == "2" || text == "3") return Done{};
  return Error{ErrorCode::unsupported, path + " says \"" + printable(text) +
                                           "\": state scripts of version 2 and 3 are supported"};
}

}  // namespace

const std::string& Scripts::directory(std::string_view group) const {
  static constexpr std::array<std::string_view, 3> kDeviceGroups{"Idle_", "Sync_", "Download_"};
  const bool of_device =
      std::any_of(kDeviceGroups.begin(), kDeviceGroups.end(),
                  [&](std::string_view prefix) { return group.starts_with(prefix); });
  return of_device ? settings_.device_directory : settings_.artifact_directory;
}

std::vector<std::string> Scripts::matching(std::string_view group) const {
  std::vector<std::string> paths;
  const auto names = os::list_directory(directory(group));
  if (!names) return paths;
  for (const std::string& name : *names) {
    if (!belongs_to(name, group)) continue;
    std::string path = os::join(directory(group), name);
    if (::access(path.c_str(), X_OK) == 0) {
      paths.push_back(std::move(path));
    } else {
      log_.warning("state script " + path + " is not executable and is skipped");
    }
  }
  return paths;
}

bool Scripts::any(std::string_view group) const {
  const auto names = os::list_directory(directory(group));
  return names && std::any_of(names->begin(), names->end(),
                              [&](const std::string& name) { return belongs_to(name, group); });
}

Status Scripts::run(std::string_view group, OnFailure on_failure) const {
  PB_CHECK(check_version(directory(group)));
  Status result = Done{};
  for (const std::string& path : matching(group)) {
    Status status = run_script(path).context("state script " + path);
    if (status) continue;
    log_.error(status.error().message());
    if (on_failure == OnFailure::stop) return status;
    if (result) result = std::move(status);
  }
  return result;
}

Status Scripts::check_device_version() const {
  return check_version(settings_.device_directory);
}

Result<Scripts::Answer> Scripts::run_once(const std::string& path) const {
  os::Command command;
  command.program = path;
  command.environment = settings_.environment;
  command.working_directory = "/";
  const auto log_line = [&](os::Stream, std::string_view line) {
    log_.info(name_of(path) + ": " + printable(line, 4096));
  };
  PB_TRY(const os::Exit exit, os::run(command, Deadline::after(settings_.timeout), log_line));
  if (exit.success()) return Answer::done;
  if (exit.kind == os::Exit::Kind::timeout) {
    return Error{ErrorCode::timeout, "still running after " + in_seconds(settings_.timeout) +
                                         " (StateScriptTimeoutSeconds); stopped"};
  }
  const bool wants_retry = exit.kind == os::Exit::Kind::code && exit.value == kRetryLater;
  if (wants_retry) return Answer::later;
  return Error{ErrorCode::module_failed, exit.describe()};
}

Status Scripts::run_script(const std::string& path) const {
  std::optional<Deadline> retry_until;
  for (;;) {
    PB_TRY(const Answer answer, run_once(path));
    if (answer == Answer::done) return Done{};
    if (!retry_until) retry_until = Deadline::after(settings_.retry_timeout);
    if (retry_until->passed()) {
      return Error{ErrorCode::timeout, "asked to be run again later for more than " +
                                           in_seconds(settings_.retry_timeout) +
                                           " (StateScriptRetryTimeoutSeconds)"};
    }
    log_.info(name_of(path) + " asks to be run again later; waiting " +
              in_seconds(settings_.retry_interval));
    std::this_thread::sleep_for(settings_.retry_interval);
  }
}

Status Scripts::install(const std::vector<artifact::Script>& scripts) const {
  PB_CHECK(remove());
  if (scripts.empty()) return Done{};
  const std::string& target = settings_.artifact_directory;
  PB_CHECK(os::make_directories(target, 0700));
  PB_TRY(const os::Directory directory, os::Directory::open(target));
  for (const artifact::Script& script : scripts) {
    PB_TRY(const UniqueFd fd,
           directory.open_beneath(script.name, O_WRONLY | O_CREAT | O_EXCL, 0700));
    PB_CHECK(
        os::write_all(fd.get(), as_bytes(script.content)).context(os::join(target, script.name)));
    PB_CHECK(os::sync_file(fd.get(), os::join(target, script.name)));
  }
  PB_TRY(const UniqueFd version,
         directory.open_beneath(std::string{kVersionFile}, O_WRONLY | O_CREAT | O_EXCL, 0600));
  PB_CHECK(os::write_all(version.get(), as_bytes("3")).context(os::join(target, kVersionFile)));
  PB_CHECK(os::sync_file(version.get(), os::join(target, kVersionFile)));
  return directory.sync();
}

Status Scripts::remove() const {
  return os::remove_tree(settings_.artifact_directory);
}

}  // namespace patchbay::flow
