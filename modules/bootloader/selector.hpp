#pragma once

#include <memory>

#include "modules/bootloader/settings.hpp"
#include "modules/rootfs-image/boot_environment.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::bootloader {

/// What says which copy the machine starts from. The same questions and orders as for a root file
/// system, and the same boot commands and tools serve both.
using Selector = rootfs_image::BootEnvironment;

/// The selector of an area that has one (not `nothing`, not `order`). Errors: it is not there, or
/// would lie within a copy (`a`, `b`).
module::Result<std::unique_ptr<Selector>> open_selector(const AreaSettings& area,
                                                        const slot::SlotDevice& a,
                                                        const slot::SlotDevice& b,
                                                        slot::Files files);

}  // namespace patchbay::bootloader
