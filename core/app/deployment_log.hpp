#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/log.hpp"
#include "core/base/unique_fd.hpp"

namespace patchbay::app {

/// What happened in one update, kept for whoever asks later: everything from debug on, one JSON
/// object a line with `timestamp`, `level` and `message`. Names and format are those of Mender's
/// client: `deployments.0000.<id>.log` is the newest, older ones have higher numbers. Everything
/// is passed on to the log of this run as well.
///
/// A log that cannot be written is no reason to stop an update: it ends with a warning.
class DeploymentLog final : public Log {
 public:
  static constexpr unsigned kFilesKept = 5;
  static constexpr std::uint64_t kMaxFileBytes = 1'000'000;
  /// With less room on the file system there is no log.
  static constexpr std::uint64_t kMinFreeBytes = 100 * 1024;

  /// Writes nothing but to `run_log` until an update has begun or goes on.
  DeploymentLog(std::string directory, Log& run_log);

  /// Starts the file of the update `id` (log_id), renumbers the others and removes the oldest.
  void begin(const std::string& id);
  /// Goes on in the file of the update `id`; starts it when it is not there.
  void go_on(const std::string& id);

  void write(LogLevel level, std::string_view message) override;

 private:
  void open(const std::string& path);
  void append(LogLevel level, std::string_view message);
  void put(const std::string& line);
  void give_up(const std::string& why);

  std::string directory_;
  Log& run_log_;
  std::mutex mutex_;
  UniqueFd file_;
  std::uint64_t room_ = 0;  ///< bytes that may still be written
  bool is_full_ = false;    ///< but for warnings and errors
};

/// Names the log of an update: the server's name of its deployment, or, where no server has ordered
/// it (`deployment` is empty), when it began. Empty when nothing is known of it.
std::string log_id(const std::string& deployment, const std::string& started);

/// Path of the log of the update `id`; nothing when there is none.
std::optional<std::string> find_deployment_log(const std::string& directory, const std::string& id);

}  // namespace patchbay::app
