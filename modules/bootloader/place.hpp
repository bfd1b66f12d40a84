#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "modules/bootloader/settings.hpp"
#include "patchbay/module.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::bootloader {

/// Where one copy of a boot loader lies. Blocking, one thread.
class Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  virtual ~Place() = default;

  /// "/dev/mmcblk0 at byte 8192": for messages.
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual const slot::SlotDevice& device() const = 0;
  /// What write() empties at a time, in bytes.
  [[nodiscard]] virtual std::size_t block() const = 0;
  /// The first `count` bytes.
  virtual module::Result<std::string> read(std::uint64_t count) = 0;
  /// Makes `bytes` the first bytes of the place; the rest stays. What begins a loader, and makes
  /// the machine take it for one, is taken away first and written last, so that a copy that is
  /// half written is none. Durable and read back on return. Whatever is equal already is left
  /// alone; returns how many bytes were not.
  virtual module::Result<std::uint64_t> write(const std::string& bytes) = 0;
};

using PlacePtr = std::unique_ptr<Place>;

/// The place of a copy as the settings name it; `what` names the setting. Errors: nothing there,
/// not the kind of device it should be, beyond its end, across a partition, mounted.
module::Result<PlacePtr> open_place(const AreaSettings& area, const AreaSettings::Copy& copy,
                                    const std::string& what, slot::Files files);

/// The back ends of that.
PlacePtr place_on_block_device(slot::SlotDevice device);
/// A hardware boot partition of a card, which is read-only but for the moment of the writing.
PlacePtr place_in_boot_partition(slot::SlotDevice device);
module::Result<PlacePtr> place_in_flash(const AreaSettings::Copy& copy, const std::string& what);

}  // namespace patchbay::bootloader
