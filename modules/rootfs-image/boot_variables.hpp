#pragma once

#include <map>
#include <memory>
#include <string>

#include "modules/rootfs-image/boot_environment.hpp"

namespace patchbay::rootfs_image {

using Variables = std::map<std::string, std::string>;

/// Named variables that a boot loader keeps.
class VariableStore {
 public:
  VariableStore() = default;
  VariableStore(const VariableStore&) = delete;
  VariableStore& operator=(const VariableStore&) = delete;
  virtual ~VariableStore() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  /// U-Boot also wants the partition's number in hexadecimal, and has the canary of Mender's
  /// integration.
  [[nodiscard]] virtual bool belongs_to_uboot() const { return false; }
  virtual module::Result<Variables> read() = 0;
  /// All of them, in one durable step.
  virtual module::Status write(const Variables& variables) = 0;
};

/// The variables with which Mender's integrations of U-Boot and GRUB know what to boot:
/// mender_boot_part, mender_boot_part_hex (U-Boot's numbers are hexadecimal), upgrade_available and
/// bootcount.
std::unique_ptr<BootEnvironment> boot_from_variables(std::unique_ptr<VariableStore> store,
                                                     BootValues values);

/// A pair of programs with the command line of fw_printenv and fw_setenv.
struct VariableTools {
  std::string print;
  std::string set;
  std::string config{};  ///< for their option -c; empty: none
};
std::unique_ptr<VariableStore> variables_through(VariableTools tools);

/// The same environment through the library of those programs, libubootenv; null where it is not to
/// be had. An empty `config` is /etc/fw_env.config.
std::unique_ptr<VariableStore> variables_through_library(const std::string& config);

/// Mender's two-copy GRUB environment in `directory`.
std::unique_ptr<VariableStore> grub_variables(std::string directory);
/// Where it is on this device: /etc/mender_grubenv.config, or the first of the usual places that is
/// there; empty if it is nowhere.
std::string find_grub_directory();

/// A program of the board's maker, with four verbs: check, status, try SLOT, keep SLOT.
std::unique_ptr<BootEnvironment> boot_through_command(std::string program);

}  // namespace patchbay::rootfs_image
