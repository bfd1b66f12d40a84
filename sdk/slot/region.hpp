#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sdk/slot/slot_device.hpp"

/// Parts of a device that no partition table names: where boot loaders live.
namespace patchbay::slot {

/// `size` bytes of `device` from `start` on; without a size, all that follows. `what` names the
/// setting in messages.
///
/// Errors: a part that ends behind the device, does not begin with a sector, or overlaps one of the
/// partitions of the disk. On a disk with partitions it can be written while they are mounted.
module::Result<SlotDevice> region_of(SlotDevice device, std::uint64_t start,
                                     std::optional<std::uint64_t> size, const std::string& what);

/// What the device reads and writes as a whole, in bytes; 1 for a regular file.
module::Result<std::uint64_t> sector_size(const SlotDevice& device);

/// Whether the two have bytes in common.
bool overlap(const SlotDevice& a, const SlotDevice& b);

/// The first `count` bytes of the place.
module::Result<std::string> read_region(const SlotDevice& place, std::uint64_t count);

/// A small file of the device in sysfs: "/sys/dev/block/179:8/" with `name` behind it.
std::string sysfs_file(const SlotDevice& device, const std::string& name);

}  // namespace patchbay::slot
