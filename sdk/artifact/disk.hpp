#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

/// Images of whole disks, as they are written to cards: partition 1 to boot from, 2 and 3 for the
/// root file system, 4 for data.
namespace patchbay::artifact_tool {

/// A part of a file.
struct Extent {
  std::uint64_t offset = 0, size = 0;  ///< bytes
};

/// Whether the file at `path` begins with a partition table (and not with a file system).
Result<bool> is_disk(const std::string& path);

/// Whether a path of the device is on a partition of its own: below /data, /uboot, /boot/efi or
/// /boot/grub.
bool is_on_own_partition(std::string_view path);

/// Where a path of the device is on a disk.
struct DiskPlace {
  std::vector<Extent> partitions;  ///< both of the root file system, in their order; else one
  std::string path;                ///< in the file system there
};

/// Errors: not_found (no such partition; no parted on this machine), io (parted cannot read it).
Result<DiskPlace> find_on_disk(const std::string& disk, const std::string& path);

}  // namespace patchbay::artifact_tool
