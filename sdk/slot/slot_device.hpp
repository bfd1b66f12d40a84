#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"

/// Places for whole images: partitions, disks, UBI volumes. Found by what they are (sysfs, UUID,
/// label), never by digits in a name. All calls block.
namespace patchbay::slot {

enum class Kind : std::uint8_t { block, ubi_volume, regular_file };
/// Images are for devices; a file at a device's path is a device that is missing. Tests and image
/// builds may say otherwise.
enum class Files : std::uint8_t { refuse, allow };

/// Whether writing a place shuts others out of its device. What lies between the partitions of a
/// disk cannot be had that way while one of them is mounted.
enum class Use : std::uint8_t { alone, beside_others };

/// A place for an image, as it was when it was looked at.
struct SlotDevice {
  std::string configured;  ///< as somebody wrote it: "PARTUUID=...", "/dev/mmcblk0p2"
  std::string path;        ///< what that is: "/dev/mmcblk0p2"
  Kind kind = Kind::block;
  dev_t device = 0;         ///< of a block device or UBI volume
  dev_t holder = 0;         ///< of a regular file: the file system it lies on
  ino_t inode = 0;          ///< of a regular file
  std::uint64_t size = 0;   ///< bytes
  std::uint64_t start = 0;  ///< byte of the device where the place begins
  Use use = Use::alone;
  std::optional<unsigned> number{};  ///< of the partition on its disk, or of the UBI volume
};

/// Whether both are the same place, whatever they are called.
bool same_place(const SlotDevice& a, const SlotDevice& b);

/// The device that `configured` names: an absolute path (links are followed), "ubi0_1", or
/// "UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=" with a value (through udev's links, or the program
/// findfs where there is no udev). `what` names the setting in messages.
///
/// Errors: nothing there, more than a name, not a block device or UBI volume.
module::Result<SlotDevice> find_device(const std::string& configured, const std::string& what,
                                       Files files);

/// Whether `mounted`, a device number as in stat's st_dev, is this device or stands on it (LVM,
/// dm-verity, dm-crypt), by the kernel's own account.
bool stands_on(dev_t mounted, const SlotDevice& device);

/// Whether `source`, of a mount, is this device: its path, or how file systems name a UBI volume
/// ("ubi0:rootfs", "ubi0_1", "/dev/ubiblock0_1").
bool is_mounted_from(const std::string& source, const SlotDevice& device);

/// Opens the device for writing by nobody else (as far as its `use` says). The error says who has
/// it: where it is mounted, or which device stands on it.
module::Result<module::Fd> open_exclusively(const SlotDevice& device, int flags);

/// A line of /proc/self/mountinfo, as far as we need it.
struct Mount {
  dev_t device = 0;
  std::string where;
  std::string type;    ///< "ext4"
  std::string source;  ///< "/dev/mmcblk0p2", "ubi0:rootfs"
};
/// In the order they were mounted: of two at one place, the last one is what is seen.
module::Result<std::vector<Mount>> mounts();

}  // namespace patchbay::slot
