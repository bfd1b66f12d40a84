#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifact/artifact.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"

namespace patchbay::flow {

struct ScriptSettings {
  std::string device_directory;  ///< scripts of the root file system, for Download (and Idle, Sync)
  std::string artifact_directory;  ///< scripts out of the artifact, all other groups
  std::vector<std::string> environment;
  std::chrono::milliseconds timeout{std::chrono::hours{1}};  ///< StateScriptTimeoutSeconds
  std::chrono::milliseconds retry_interval{
      std::chrono::seconds{60}};  ///< StateScriptRetryIntervalSeconds
  std::chrono::milliseconds retry_timeout{
      std::chrono::minutes{30}};  ///< StateScriptRetryTimeoutSeconds
};

/// State scripts: programs that run before a state (Enter), after it (Leave) and when it failed
/// (Error). Exit code 21 asks to be run again later, within the retry time.
class Scripts {
 public:
  Scripts(const ScriptSettings& settings, Log& log) : settings_{settings}, log_{log} {}

  enum class OnFailure : std::uint8_t { stop, run_all };

  /// Whether anything would run for `group` ("ArtifactInstall_Enter").
  [[nodiscard]] bool any(std::string_view group) const;

  /// Runs the scripts of `group` in byte order of their names. A script whose time is over is
  /// killed with its process group. The error is the first failure; with run_all the others have
  /// run as well. A `version` file beside the scripts must hold 2 or 3 when it is there.
  [[nodiscard]] Status run(std::string_view group, OnFailure on_failure) const;

  /// Whether the scripts of the root file system are of a version we can run; asked before a
  /// commit, because a new root file system may bring others.
  [[nodiscard]] Status check_device_version() const;

  /// Puts the scripts of an artifact into the artifact directory (0700, durable), in place of what
  /// was there, with a version file. No scripts: the directory goes.
  [[nodiscard]] Status install(const std::vector<artifact::Script>& scripts) const;
  [[nodiscard]] Status remove() const;

 private:
  [[nodiscard]] const std::string& directory(std::string_view group) const;
  [[nodiscard]] std::vector<std::string> matching(std::string_view group) const;
  [[nodiscard]] Status run_script(const std::string& path) const;
  enum class Answer : std::uint8_t { done, later };
  [[nodiscard]] Result<Answer> run_once(const std::string& path) const;

  const ScriptSettings& settings_;
  Log& log_;
};

}  // namespace patchbay::flow
