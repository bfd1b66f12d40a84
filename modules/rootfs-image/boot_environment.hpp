#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "modules/rootfs-image/settings.hpp"

namespace patchbay::rootfs_image {

enum class Slot : std::uint8_t { a, b };

constexpr Slot other(Slot slot) {
  return slot == Slot::a ? Slot::b : Slot::a;
}
constexpr const char* letter(Slot slot) {
  return slot == Slot::a ? "A" : "B";
}

/// What the boot loader will do.
struct BootState {
  Slot next = Slot::a;    ///< the slot it boots
  bool on_trial = false;  ///< it goes back to the other slot unless that one is kept in time

  bool operator==(const BootState&) const = default;
};

/// The part of a boot loader that an update has to do with. Each change is one durable step: after
/// a power cut it has happened or not. Blocking, one thread.
class BootEnvironment {
 public:
  BootEnvironment() = default;
  BootEnvironment(const BootEnvironment&) = delete;
  BootEnvironment& operator=(const BootEnvironment&) = delete;
  virtual ~BootEnvironment() = default;

  /// "the U-Boot environment (fw_printenv)": for messages.
  [[nodiscard]] virtual std::string name() const = 0;
  /// An error when it cannot be read, or says what no slot is called.
  virtual module::Result<BootState> read() = 0;
  /// Boots `slot` once, and from then on the other one again, unless keep() comes in between.
  virtual module::Status try_once(Slot slot) = 0;
  /// Boots `slot` from now on.
  virtual module::Status keep(Slot slot) = 0;
};

/// What the boot loader calls the two slots: partition numbers, boot entries, or what the settings
/// say.
using BootValues = std::array<std::string, 2>;

/// The boot environment of this device: the one the settings name, or the one whose tools are here,
/// Mender's GRUB tools before those of U-Boot, as Mender's own module chooses. What is changed is
/// read back, by every one of them.
module::Result<std::unique_ptr<BootEnvironment>> open_boot_environment(const Settings& settings,
                                                                       BootValues values);

}  // namespace patchbay::rootfs_image
