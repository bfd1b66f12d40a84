#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/log.hpp"
#include "core/base/result.hpp"

namespace patchbay::app {

/// Where the configuration is looked for.
struct ConfigPaths {
  std::string main;            ///< /etc/mender/mender.conf, or what --config names
  bool main_required = false;  ///< named explicitly: must be there
  std::string fallback;        ///< <datastore>/mender.conf, or what --fallback-config names
  bool fallback_required = false;
  /// <conf dir>/patchbay.yaml: read after the main file, over it. Empty when --config is given
  /// (which may itself name a .yaml file).
  std::string yaml;
};

/// The configuration in effect: Mender's keys, and ours under `Patchbay`. Lists replace, they do
/// not join. docs/configuration.md describes every key.
struct Config {
  std::vector<std::string> servers;
  std::string tenant_token;
  std::string server_certificate;
  bool skip_verify = false;
  std::string https_client_certificate;
  std::string https_client_key;
  std::string https_client_ssl_engine;
  std::string auth_private_key;
  std::string security_ssl_engine;
  std::vector<std::string> artifact_verify_keys;  ///< ArtifactVerifyKey or ArtifactVerifyKeys
  std::string device_type_file;                   ///< empty: <datastore>/device_type
  std::string device_tier = "standard";
  std::string update_log_path;  ///< empty: the datastore
  std::optional<LogLevel> daemon_log_level;
  std::chrono::seconds update_poll_interval{1800};
  std::chrono::seconds inventory_poll_interval{28800};
  std::chrono::seconds retry_poll_interval{300};
  int retry_poll_count = 0;
  int retry_download_count = 10;
  std::chrono::seconds state_script_timeout{3600};
  std::chrono::seconds state_script_retry_timeout{1800};
  std::chrono::seconds state_script_retry_interval{60};
  std::chrono::seconds module_timeout{14400};
  std::string rootfs_part_a;
  std::string rootfs_part_b;
  // Patchbay:
  std::vector<std::string> module_directories;       ///< searched before the built-in ones
  std::chrono::seconds module_grace{10};             ///< ModuleGraceSeconds: SIGTERM to SIGKILL
  std::chrono::seconds retry_download_interval{60};  ///< RetryDownloadIntervalSeconds
  std::vector<std::string> plugin_verify_keys;

  /// "default", or "FILE:LINE", by key name as documented ("Patchbay.ModuleDirectories").
  std::map<std::string, std::string> origins;
  /// Unknown keys (with the nearest known one), keys without effect any more: for people, not
  /// errors.
  std::vector<std::string> warnings;
};

/// Reads and merges the files. A file that is there but cannot be read or parsed, a value of the
/// wrong type or out of range, contradicting keys, an empty list of verification keys: an error
/// that names file, line, key, what was wanted and what was found. Missing files are fine unless
/// required.
Result<Config> load_config(const ConfigPaths& paths);

/// One row a key: name as documented, value as text (secrets masked), where it came from.
struct ConfigRow {
  std::string key;
  std::string value;
  std::string origin;
};
std::vector<ConfigRow> config_rows(const Config& config);

}  // namespace patchbay::app
