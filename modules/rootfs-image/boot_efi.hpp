#pragma once

#include <memory>
#include <string>

#include "modules/rootfs-image/boot_environment.hpp"

// Boot managers that know a default entry and one that is taken the next time only. That one is
// forgotten before it is started, so what does not come up is followed by the default.
namespace patchbay::rootfs_image {

/// The firmware's own: BootOrder, BootNext, BootCurrent. The slots are numbers as efibootmgr prints
/// them ("0001"). `variables` is the directory where efivarfs is mounted.
module::Result<std::unique_ptr<BootEnvironment>> boot_through_firmware(const std::string& variables,
                                                                       const BootValues& values);

/// systemd-boot's: LoaderEntryDefault, LoaderEntryOneShot, LoaderEntrySelected. The slots are the
/// names of entries ("slot-a.conf").
module::Result<std::unique_ptr<BootEnvironment>> boot_through_systemd(const std::string& variables,
                                                                      const BootValues& values);

}  // namespace patchbay::rootfs_image
