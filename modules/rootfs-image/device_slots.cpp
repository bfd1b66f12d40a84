#include "modules/rootfs-image/device_slots.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <sstream>

namespace patchbay::rootfs_image {
namespace {

using module::Error;
using module::Result;
using module::Status;
using slot::SlotDevice;

bool holds_root(const SlotDevice& device, const std::string& root, dev_t mounted) {
  if (slot::stands_on(mounted, device)) return true;
  const auto all = slot::mounts();
  if (!all) return false;
  // The last mount at a place is the one that is seen.
  std::string source;
  for (const auto& mount : *all) {
    if (mount.where == root) source = mount.source;
  }
  return slot::is_mounted_from(source, device);
}

std::optional<std::string> root_of_command_line() {
  const auto text = module::read_file("/proc/cmdline", 64 * 1024);
  if (!text) return std::nullopt;
  std::istringstream words{*text};
  std::string word;
  std::optional<std::string> root;
  while (words >> word) {
    if (word.starts_with("root=")) root = word.substr(5);
  }
  return root;
}

bool is_named_by_command_line(const SlotDevice& device) {
  const auto root = root_of_command_line();
  if (!root) return false;
  const auto named = slot::find_device(*root, "root=", slot::Files::refuse);
  return named && slot::same_place(*named, device);
}

Result<Slot> find_running(const DeviceSlots& slots, const std::string& root) {
  struct stat info {};
  if (::stat(root.c_str(), &info) != 0)
    return Error::from_errno(errno, "look at the root directory " + root);
  if (holds_root(slots.a, root, info.st_dev)) return Slot::a;
  if (holds_root(slots.b, root, info.st_dev)) return Slot::b;
  if (is_named_by_command_line(slots.a)) return Slot::a;
  if (is_named_by_command_line(slots.b)) return Slot::b;
  return Error{"the running root file system (" + root + ") is neither on RootfsPartA (" +
               slots.a.path + ") nor on RootfsPartB (" + slots.b.path +
               "), and root= of the kernel's command line names neither; if it is mounted "
               "elsewhere, say where with RootDirectory in rootfs-image.json"};
}

/// The devices, and which of them runs; nothing about the boot loader.
Result<DeviceSlots> find_slots(const Settings& settings) {
  const auto files = settings.allow_regular_files ? slot::Files::allow : slot::Files::refuse;
  DeviceSlots slots;
  PATCHBAY_TRY(slots.a, slot::find_device(settings.part_a, "RootfsPartA", files));
  PATCHBAY_TRY(slots.b, slot::find_device(settings.part_b, "RootfsPartB", files));
  if (slot::same_place(slots.a, slots.b))
    return Error{"RootfsPartA and RootfsPartB are one and the same device, " + slots.a.path};
  PATCHBAY_TRY(slots.running, find_running(slots, settings.root_directory));
  return slots;
}

Result<std::string> boot_value(const SlotDevice& device, const std::string& configured, Slot slot) {
  if (!configured.empty()) return configured;
  if (device.number) return std::to_string(*device.number);
  return Error{device.path +
               " is no partition, so it has no number that the boot loader could know "
               "it by; set BootValue" +
               letter(slot) + " in rootfs-image.json"};
}

Result<BootValues> boot_values(const DeviceSlots& slots, const Settings& settings) {
  if (settings.boot == Settings::Boot::command) return BootValues{};
  BootValues values;
  PATCHBAY_TRY(values[0], boot_value(slots.a, settings.boot_value_a, Slot::a));
  PATCHBAY_TRY(values[1], boot_value(slots.b, settings.boot_value_b, Slot::b));
  if (values[0] == values[1])
    return Error{"both slots would have the number " + values[0] + " for the boot loader (" +
                 slots.a.path + ", " + slots.b.path +
                 "); set BootValueA and BootValueB in "
                 "rootfs-image.json"};
  return values;
}

}  // namespace

std::string DeviceSlots::name(Slot slot) const {
  return std::string{"slot "} + letter(slot) + " (" + device(slot).path + ")";
}

Result<DeviceSlots> look_at_slots() {
  PATCHBAY_TRY(const auto settings, read_settings());
  return look_at_slots(settings);
}

Result<DeviceSlots> look_at_slots(const Settings& settings) {
  PATCHBAY_TRY(auto slots, find_slots(settings));
  PATCHBAY_TRY(auto values, boot_values(slots, settings));
  PATCHBAY_TRY(slots.boot, open_boot_environment(settings, std::move(values)));
  PATCHBAY_TRY(slots.state, slots.boot->read());
  return slots;
}

bool are_swapped(const Settings& settings, const DeviceSlots& slots) {
  const auto by_settings = find_slots(settings);
  return by_settings &&
         (slot::same_place(by_settings->a, slots.b) || slot::same_place(by_settings->b, slots.a));
}

Result<Slot> find_running_slot(const Settings& settings) {
  PATCHBAY_TRY(const auto slots, find_slots(settings));
  return slots.running;
}

}  // namespace patchbay::rootfs_image
