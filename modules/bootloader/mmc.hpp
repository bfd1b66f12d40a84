#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "modules/rootfs-image/boot_environment.hpp"
#include "patchbay/module.hpp"

namespace patchbay::bootloader {

/// The register of an eMMC card that says which of its two hardware boot partitions the machine
/// starts from: BOOT_PARTITION_ENABLE in PARTITION_CONFIG, byte 179 of the extended CSD
/// (JESD84-B51, 7.4.69). Its other bits stay as they are. The card changes it in one step.
///
/// `card` is the whole card, "/dev/mmcblk0". Needs CAP_SYS_RAWIO.
std::unique_ptr<rootfs_image::BootEnvironment> select_by_partition_config(std::string card);

}  // namespace patchbay::bootloader
