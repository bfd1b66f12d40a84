#include "modules/bootloader/selector.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "modules/bootloader/mmc.hpp"
#include "modules/rootfs-image/boot_variables.hpp"
#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"
#include "sdk/slot/region.hpp"

namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using rootfs_image::BootState;
using rootfs_image::Slot;
using rootfs_image::Variables;
using SelectorPtr = std::unique_ptr<Selector>;

/// A variable of the U-Boot environment, which SPL or the boot ROM's next stage reads.
class ByVariable final : public Selector {
 public:
  ByVariable(std::unique_ptr<rootfs_image::VariableStore> store, const AreaSettings& area)
      : store_{std::move(store)}, area_{area} {}

  [[nodiscard]] std::string name() const override {
    return area_.variable + " in the " + store_->name();
  }
  Result<BootState> read() override {
    PATCHBAY_TRY(const auto all, store_->read());
    return state_of(all);
  }
  Status try_once(Slot slot) override { return set({slot, !area_.trial_variable.empty()}); }
  Status keep(Slot slot) override { return set({slot, false}); }

 private:
  static std::string value_of(const Variables& all, const std::string& variable) {
    const auto found = all.find(variable);
    return found == all.end() ? "" : found->second;
  }
  [[nodiscard]] Result<BootState> state_of(const Variables& all) const {
    const auto value = value_of(all, area_.variable);
    if (value != area_.value_a && value != area_.value_b)
      return Error{name() + " is '" + value + "'; it has to be '" + area_.value_a + "' (A) or '" +
                   area_.value_b + "' (B)"};
    const bool trial = !area_.trial_variable.empty() && value_of(all, area_.trial_variable) == "1";
    return BootState{value == area_.value_a ? Slot::a : Slot::b, trial};
  }
  Status set(BootState wanted) {
    PATCHBAY_TRY(const bool before, is(wanted));
    if (before) return Done{};
    Variables variables{{area_.variable, wanted.next == Slot::a ? area_.value_a : area_.value_b}};
    if (!area_.trial_variable.empty())
      variables[area_.trial_variable] = wanted.on_trial ? "1" : "0";
    if (!area_.counter.empty()) variables[area_.counter] = "0";
    PATCHBAY_CHECK(store_->write(variables).context(name()));
    PATCHBAY_TRY(const bool after, is(wanted));
    if (after) return Done{};
    return Error{name() + " was set, and reads as before"};
  }
  Result<bool> is(BootState wanted) {
    PATCHBAY_TRY(const auto all, store_->read());
    PATCHBAY_TRY(const auto state, state_of(all));
    return state == wanted && (area_.counter.empty() || value_of(all, area_.counter) == "0");
  }

  std::unique_ptr<rootfs_image::VariableStore> store_;
  AreaSettings area_;
};

/// Bytes on a disk, within one sector, which a disk writes as a whole.
class ByBytes final : public Selector {
 public:
  ByBytes(slot::SlotDevice sector, std::size_t at, const AreaSettings& area)
      : sector_{std::move(sector)}, at_{at}, area_{area} {}

  [[nodiscard]] std::string name() const override {
    return "selector on " + sector_.path + " at byte " + std::to_string(sector_.start + at_);
  }
  Result<BootState> read() override {
    PATCHBAY_TRY(const auto sector, slot::read_region(sector_, sector_.size));
    const auto found = sector.substr(at_, area_.value_a.size());
    if (found == area_.value_a) return BootState{Slot::a, false};
    if (found == area_.value_b) return BootState{Slot::b, false};
    return Error{"the " + name() + " has neither the bytes of A nor those of B"};
  }
  Status try_once(Slot slot) override { return keep(slot); }
  Status keep(Slot slot) override {
    PATCHBAY_TRY(auto sector, slot::read_region(sector_, sector_.size));
    const auto& value = slot == Slot::a ? area_.value_a : area_.value_b;
    sector.replace(at_, value.size(), value);
    slot::ImageRequest request{.target = sector_, .size = sector.size()};
    bool given = false;
    PATCHBAY_CHECK(slot::write_image(request, [&](std::span<std::byte> room) {
      if (std::exchange(given, true)) return Result<std::size_t>{std::size_t{0}};
      std::memcpy(room.data(), sector.data(), sector.size());
      return Result<std::size_t>{sector.size()};
    }));
    PATCHBAY_TRY(const auto have, read());
    if (have.next == slot) return Done{};
    return Error{"the " + name() + " was set, and reads as before"};
  }

 private:
  slot::SlotDevice sector_;
  std::size_t at_;
  AreaSettings area_;
};

Result<SelectorPtr> open_bytes(const AreaSettings& area, const slot::SlotDevice& a,
                               const slot::SlotDevice& b, slot::Files files) {
  constexpr std::uint64_t kInFile = 512;
  const auto what = "the selector of the area '" + area.name + "'";
  PATCHBAY_TRY(auto device, slot::find_device(area.selector.device, what, files));
  PATCHBAY_TRY(const auto own, slot::sector_size(device));
  const auto size = std::max(own, kInFile);
  const auto start = area.selector.offset / size * size;
  const auto at = area.selector.offset - start;
  if (at + area.value_a.size() > size)
    return Error{what + " crosses the end of a sector: it could not be changed in one step"};
  PATCHBAY_TRY(auto sector, slot::region_of(std::move(device), start, size, what));
  if (slot::overlap(sector, a) || slot::overlap(sector, b))
    return Error{what + " lies within a copy of the loader"};
  return SelectorPtr{std::make_unique<ByBytes>(std::move(sector), at, area)};
}

Result<SelectorPtr> open_variable(const AreaSettings& area) {
  auto print = module::find_program("fw_printenv");
  auto set = module::find_program("fw_setenv");
  if (!print || !set)
    return Error{std::string{"the program "} + (print ? "fw_setenv" : "fw_printenv") +
                 " is missing: install the tools of libubootenv (or U-Boot's own)"};
  return SelectorPtr{std::make_unique<ByVariable>(
      rootfs_image::variables_through({*std::move(print), *std::move(set), area.fw_env_config}),
      area)};
}

}  // namespace

Result<SelectorPtr> open_selector(const AreaSettings& area, const slot::SlotDevice& a,
                                  const slot::SlotDevice& b, slot::Files files) {
  switch (area.select) {
    case AreaSettings::Select::partition_config:
      return select_by_partition_config(area.device);
    case AreaSettings::Select::bytes:
      return open_bytes(area, a, b, files);
    case AreaSettings::Select::command:
      return rootfs_image::boot_through_command(area.command);
    case AreaSettings::Select::variable:
      return open_variable(area);
    case AreaSettings::Select::order:
    case AreaSettings::Select::nothing:
      break;
  }
  return Error{"the area '" + area.name + "' has no selector"};
}

}  // namespace patchbay::bootloader
