#pragma once

#include <string>

#include "patchbay/module.hpp"

namespace patchbay::rootfs_image {

/// What the device's configuration says about its two root file systems.
///
/// `RootfsPartA` and `RootfsPartB` come from the client's configuration: the variables
/// PATCHBAY_ROOTFS_PART_A and _B if the client gives them, else mender.conf of the data directory
/// and, stronger, of the configuration directory (MENDER_DATASTORE_DIR, MENDER_CONF_DIR). So do
/// `ServerCertificate` and those of `HttpsClient`.
/// Everything else, and stronger than both, is in rootfs-image.json of the configuration directory;
/// README.md lists its keys.
struct Settings {
  enum class Boot { automatic, grub, uboot, command, efi, systemd_boot };

  std::string part_a;
  std::string part_b;
  std::string boot_value_a{};  ///< what the boot loader calls slot A; empty: its number
  std::string boot_value_b{};
  Boot boot = Boot::automatic;
  std::string grub_directory{};  ///< empty: where Mender's tools would look
  std::string fw_env_config{};   ///< empty: what fw_printenv takes by itself
  std::string boot_command{};
  std::string efi_variables = "/sys/firmware/efi/efivars";
  std::string root_directory = "/";  ///< where the root file system of the slot is mounted
  bool allow_regular_files = false;
  /// For servers that chunks are fetched from: trusted beside the system's certificates; what this
  /// device shows them. PEM files.
  std::string server_certificate{};
  std::string client_certificate{};
  std::string client_key{};
  unsigned fetch_timeout_s = 60;  ///< without a byte, after which a connection is broken
};

/// Reads them. Errors name the file, the key, the value and what would be right; missing files are
/// no errors, missing partitions are.
module::Result<Settings> read_settings();

/// As one JSON object with the keys of rootfs-image.json, for an update's record.
std::string to_json(const Settings& settings);
/// What to_json() has made.
module::Result<Settings> parse_settings(const std::string& json);

}  // namespace patchbay::rootfs_image
