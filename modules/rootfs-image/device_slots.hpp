#pragma once

#include <memory>
#include <string>

#include "modules/rootfs-image/boot_environment.hpp"
#include "modules/rootfs-image/settings.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::rootfs_image {

/// The two root file systems of this device, which of them runs, and what the boot loader will do.
/// Found out anew in each call; `state` is what the boot environment said then.
struct DeviceSlots {
  slot::SlotDevice a;
  slot::SlotDevice b;
  Slot running = Slot::a;
  std::unique_ptr<BootEnvironment> boot;
  BootState state;

  [[nodiscard]] const slot::SlotDevice& device(Slot slot) const { return slot == Slot::a ? a : b; }
  /// "slot B (/dev/mmcblk0p3)"
  [[nodiscard]] std::string name(Slot slot) const;
};

/// Looks at everything and changes nothing.
///
/// The running slot is the one that the mounted root file system lies on, directly or through
/// dm-verity, LVM and the like; where that cannot be seen (an overlay, an initramfs of its own),
/// the one that root= of the kernel's command line names. Errors: a device that is missing or no
/// block device, two names for one device, a slot that the boot loader has no name for, a root that
/// is neither of the two, a boot environment that cannot be read.
module::Result<DeviceSlots> look_at_slots(const Settings& settings);
/// By the settings of the system that runs.
module::Result<DeviceSlots> look_at_slots();

/// Whether each slot has another letter by `settings` than in `slots`, so far as that can be told.
bool are_swapped(const Settings& settings, const DeviceSlots& slots);

/// Which slot runs, also where the boot environment is out of reach.
module::Result<Slot> find_running_slot(const Settings& settings);

}  // namespace patchbay::rootfs_image
