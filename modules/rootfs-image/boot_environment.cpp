#include "modules/rootfs-image/boot_environment.hpp"

#include "modules/rootfs-image/boot_efi.hpp"
#include "modules/rootfs-image/boot_variables.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Error;
using module::Result;
using Environment = std::unique_ptr<BootEnvironment>;

Result<Environment> open_grub(const Settings& settings, BootValues values) {
  auto directory =
      settings.grub_directory.empty() ? find_grub_directory() : settings.grub_directory;
  if (!directory.empty()) {
    if (!module::exists(module::join_path(directory, "mender_grubenv1/env")))
      return Error{"there is no GRUB environment in " + directory +
                   " (mender_grubenv1/env): is the boot partition mounted?"};
    return boot_from_variables(grub_variables(std::move(directory)), std::move(values));
  }
  auto print = module::find_program("grub-mender-grubenv-print");
  auto set = module::find_program("grub-mender-grubenv-set");
  if (print && set)
    return boot_from_variables(variables_through({*std::move(print), *std::move(set)}),
                               std::move(values));
  return Error{
      "no GRUB environment was found; set GrubEnvironmentDirectory in rootfs-image.json to "
      "the directory with mender_grubenv1 and mender_grubenv2"};
}

Result<Environment> open_uboot(const Settings& settings, BootValues values) {
  auto print = module::find_program("fw_printenv");
  auto set = module::find_program("fw_setenv");
  if (!print || !set) {
    if (auto store = variables_through_library(settings.fw_env_config))
      return boot_from_variables(std::move(store), std::move(values));
    return Error{std::string{"the program "} + (print ? "fw_setenv" : "fw_printenv") +
                 " is missing, and the library libubootenv.so.0: install either (or U-Boot's own "
                 "tools), or set BootEnvironment in rootfs-image.json"};
  }
  return boot_from_variables(
      variables_through({*std::move(print), *std::move(set), settings.fw_env_config}),
      std::move(values));
}

bool is_grub_here() {
  return (module::find_program("grub-mender-grubenv-print") &&
          module::find_program("grub-mender-grubenv-set")) ||
         !find_grub_directory().empty();
}

}  // namespace

Result<Environment> open_boot_environment(const Settings& settings, BootValues values) {
  switch (settings.boot) {
    case Settings::Boot::grub:
      return open_grub(settings, std::move(values));
    case Settings::Boot::uboot:
      return open_uboot(settings, std::move(values));
    case Settings::Boot::command:
      return boot_through_command(settings.boot_command);
    case Settings::Boot::efi:
      return boot_through_firmware(settings.efi_variables, values);
    case Settings::Boot::systemd_boot:
      return boot_through_systemd(settings.efi_variables, values);
    case Settings::Boot::automatic:
      break;
  }
  if (is_grub_here()) return open_grub(settings, std::move(values));
  return open_uboot(settings, std::move(values));
}

}  // namespace patchbay::rootfs_image
