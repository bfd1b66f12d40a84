#pragma once

#include <optional>
#include <string>

#include "core/app/config/config.hpp"
#include "core/app/options.hpp"
#include "core/artifact/reader.hpp"
#include "core/base/log.hpp"
#include "core/fetch/source.hpp"
#include "core/fleet/device_key.hpp"
#include "core/flow/settings.hpp"
#include "core/os/file.hpp"
#include "core/store/store.hpp"

namespace patchbay::app {

/// This device as the command line, the environment and the configuration describe it.
class Device {
 public:
  /// Reads the configuration and the device type. A configuration that is there but cannot be
  /// understood is an error: nothing works with half of it.
  static Result<Device> open(const Options& options, Log& log);

  /// The device as it was when the update in progress began: what is left where open() fails
  /// because of `why`, which the update itself may have brought. Good for undoing it, and for
  /// nothing else. Nothing when no update of this client is in progress.
  static std::optional<Device> open_as_begun(const Options& options, const Error& why, Log& log);
  /// Why the update in progress can only be undone: the `why` of open_as_begun().
  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const flow::Settings& settings() const { return settings_; }
  [[nodiscard]] const std::string& datastore() const { return settings_.datastore; }
  /// Where the logs of updates are kept.
  [[nodiscard]] const std::string& log_directory() const {
    return config_.update_log_path.empty() ? datastore() : config_.update_log_path;
  }

  /// Takes the device's data for this process, or says which process has it. Creates the directory
  /// when it is missing.
  [[nodiscard]] Result<os::FileLock> lock(const std::string& command) const;
  [[nodiscard]] Result<store::Store> open_store(store::Access access) const;
  /// Which command is at work on the device's data right now; nothing if none is, or if we may not
  /// know.
  [[nodiscard]] std::optional<std::string> at_work() const;

  /// With the verification keys loaded; a key that cannot be is an error.
  [[nodiscard]] Result<artifact::ReaderOptions> reader_options() const;
  [[nodiscard]] fetch::TransferOptions transfer_options() const;
  /// By which key servers know this device.
  [[nodiscard]] fleet::KeySettings key_settings(const Options& options) const;
  /// Whether configuration and device type are such that the daemon can start with them.
  [[nodiscard]] Status check_for_daemon(const Options& options) const;

 private:
  /// With everything that needs no look at the device.
  Device(const Options& options, Config config, Log& log);
  [[nodiscard]] std::string lock_file() const;

  Config config_;
  flow::Settings settings_;
  std::optional<Error> fault_;
};

/// Where Mender's packages put what they bring along: identity and inventory scripts.
std::string data_directory();

/// Places of configuration files for these options and this environment.
ConfigPaths config_paths(const Options& options);

}  // namespace patchbay::app
