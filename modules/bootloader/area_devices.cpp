#include <algorithm>
#include <set>
#include <string_view>

#include "modules/bootloader/area.hpp"
#include "modules/bootloader/place.hpp"
#include "modules/bootloader/selector.hpp"
#include "sdk/slot/region.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::bootloader {
namespace {

using module::Context;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

constexpr std::size_t kSector = 512;  // no disk writes less at once

bool is_blank(std::string_view bytes) {
  return (bytes.front() == '\0' || bytes.front() == '\xff') &&
         bytes.find_first_not_of(bytes.front()) == std::string_view::npos;
}

/// Each sector is of one or the other, but for those that write() has emptied: of its first block,
/// and in flash of one more. And some are no blanks, of which other devices are full.
bool is_midway(std::string_view content, std::string_view old, std::string_view fresh,
               std::size_t block) {
  if (fresh.size() != content.size()) return false;
  std::set<std::size_t> emptied;
  bool is_known = false;
  for (std::size_t at = 0; at < content.size(); at += kSector) {
    const auto sector = content.substr(at, kSector);
    const bool matches = sector == old.substr(at, kSector) || sector == fresh.substr(at, kSector);
    if (!matches && !is_blank(sector)) return false;
    if (!matches) emptied.insert(at / block);
    is_known = is_known || (matches && !is_blank(sector));
  }
  emptied.erase(0);
  return is_known && emptied.size() <= 1;
}

/// One or two copies on devices.
///
/// - With a selector, the copy that is not started is written, and then selected.
/// - By order, the machine starts A, and B if A is not valid. B is made equal to A first, so that
///   the loader that runs now is the fallback while A is written, and after that.
/// - A single copy is overwritten: between its first byte and its last there is none.
class DeviceArea final : public Area {
 public:
  DeviceArea(AreaSettings settings, PlacePtr a, PlacePtr b, std::unique_ptr<Selector> selector)
      : settings_{std::move(settings)},
        a_{std::move(a)},
        b_{std::move(b)},
        selector_{std::move(selector)} {}

  [[nodiscard]] Lines plan() const override {
    if (selector_) {
      const auto state = selector_->read();
      const auto target = state ? other(state->next) : Slot::b;
      return {"write the boot loader to " + name(target) + ", and read it back",
              "select it through the " + selector_->name(), "rollback possible"};
    }
    if (b_)
      return {"copy the boot loader of " + name(Slot::a) + " to " + name(Slot::b) + ", as fallback",
              "write the new one to " + name(Slot::a) + ", and read it back", "rollback possible"};
    return {"overwrite the only boot loader, in " + name(Slot::a) +
                ": a power cut meanwhile leaves a machine that does not start",
            "rollback possible"};
  }

  Status check(const Request& request) override {
    if (!b_) return require_risk_accepted(request, settings_.name);
    if (!selector_) {
      if (request.image_a.empty()) return Done{};
      return Error{"the area '" + settings_.name +
                   "' is chosen by order, so both copies are the same; "
                   "\"images\" of the meta-data cannot be meant for it"};
    }
    PATCHBAY_TRY(const auto state, selector_->read());
    if (!state.on_trial) return Done{};
    return Error{name(state.next) +
                 " is still on trial: commit or roll back the earlier update first (the " +
                 selector_->name() + " says so)"};
  }

  Status install(Context& context, const Images& images, Record& record) override {
    if (!selector_) return install_in_order(context, images, record);
    PATCHBAY_TRY(const auto state, selector_->read());
    PATCHBAY_TRY(const auto running, images(state.next));
    PATCHBAY_TRY(const bool there, has(state.next, running));
    if (there) return unchanged(context, state.next, running, record);
    const auto target = other(state.next);
    PATCHBAY_TRY(const auto image, images(target));
    PATCHBAY_CHECK(fits(target, image));
    PATCHBAY_CHECK(overwrite(context, target, image, record));
    context.progress(90);
    PATCHBAY_CHECK(record.switching(state.next, target));
    PATCHBAY_CHECK(selector_->try_once(target));
    context.log(name(target) + " is selected");
    return complete(target, image, record);
  }

  Status verify(const Record& record) override {
    const auto installed = record.installed();
    if (!installed) return Error{"no boot loader was installed by this update"};
    if (selector_) {
      PATCHBAY_TRY(const auto state, selector_->read());
      if (state.next != installed->slot)
        return Error{"the new boot loader did not start: the machine has gone back to " +
                     name(state.next)};
    }
    PATCHBAY_TRY(const auto content, place(installed->slot).read(installed->size));
    return require_installed(content, name(installed->slot), *installed);
  }

  Status verify_old(const Record& record) override {
    if (const auto from = record.switched_from(); from && selector_) {
      PATCHBAY_TRY(const auto state, selector_->read());
      if (state.on_trial)
        return Error{"the " + selector_->name() + " still says that " + name(state.next) +
                     " is on trial"};
      if (state.next != *from)
        return Error{"the machine starts " + name(state.next) + " instead of " + name(*from)};
    }
    PATCHBAY_TRY(const auto all, record.old_copies());
    for (const auto& [slot, old] : all) {
      PATCHBAY_TRY(const auto content, place(slot).read(old.size()));
      PATCHBAY_TRY(const auto sum, slot::sha256_of(old));
      PATCHBAY_CHECK(require_old(content, name(slot), sum));
    }
    return Done{};
  }

  Status verify_midway(const Images& images, const Record& record) override {
    const auto from = record.switched_from();
    if (from && selector_) PATCHBAY_CHECK(selector_->read());
    PATCHBAY_TRY(const auto all, record.old_copies());
    bool has_new = false;
    if (from && all.empty()) {  // it was there already
      PATCHBAY_TRY(const auto image, images(other(*from)));
      PATCHBAY_TRY(has_new, has(other(*from), image));
    }
    for (const auto& [slot, old] : all) {
      PATCHBAY_TRY(const auto content, place(slot).read(old.size()));
      if (content == old) continue;
      PATCHBAY_TRY(const auto fresh, written_to(slot, old.size(), all, images));
      if (!is_midway(content, old, fresh, place(slot).block())) return not_ours(slot);
      has_new = true;
    }
    return has_new || (!all.empty() && record.may_be_old()) ? Status{Done{}} : not_ours(Slot::a);
  }

  Status keep(const Record& record) override {
    const auto installed = record.installed();
    if (!selector_ || !installed) return Done{};
    PATCHBAY_TRY(const auto state, selector_->read());
    return state.on_trial ? selector_->keep(installed->slot) : Status{Done{}};
  }

  // First the machine is told to start the old copy, then what is not started is put back.
  Status roll_back(Context& context, const Record& record) override {
    if (const auto from = record.switched_from(); from && selector_) {
      const auto state = selector_->read();
      if (!state || state->next != *from || state->on_trial) PATCHBAY_CHECK(selector_->keep(*from));
    }
    PATCHBAY_TRY(auto old, record.old_copies());
    std::reverse(old.begin(), old.end());
    for (const auto& [slot, content] : old) {
      PATCHBAY_TRY(const auto written, place(slot).write(content));
      context.log("put back " + module::human_size(written) + " in " + name(slot));
    }
    return Done{};
  }

 private:
  [[nodiscard]] Place& place(Slot slot) const { return slot == Slot::a ? *a_ : *b_; }
  [[nodiscard]] std::string name(Slot slot) const {
    return std::string{"copy "} + letter(slot) + " (" + place(slot).name() + ")";
  }
  [[nodiscard]] Status not_ours(Slot slot) const {
    return Error{name(slot) + " has not what the update has written there, nor a part of it"};
  }
  // By order, B gets what A was.
  [[nodiscard]] Result<std::string> written_to(Slot slot, std::size_t size,
                                               const std::vector<Record::Old>& all,
                                               const Images& images) const {
    if (selector_ || slot == Slot::a) return images(slot);
    PATCHBAY_TRY(auto first, a_->read(size));
    for (const auto& [of, old] : all) {
      const auto count = std::min(size, old.size());
      if (of == Slot::a) first.replace(0, count, old, 0, count);
    }
    return first;
  }
  [[nodiscard]] Status fits(Slot slot, const std::string& image) const {
    const auto room = place(slot).device().size;
    if (image.size() <= room) return Done{};
    return Error{"the image has " + std::to_string(image.size()) + " bytes, but " + name(slot) +
                 " has room for " + std::to_string(room)};
  }
  [[nodiscard]] Result<bool> has(Slot slot, const std::string& image) const {
    PATCHBAY_CHECK(fits(slot, image));
    PATCHBAY_TRY(const auto content, place(slot).read(image.size()));
    return content == image;
  }

  Status install_in_order(Context& context, const Images& images, Record& record) {
    PATCHBAY_TRY(const auto image, images(Slot::a));
    PATCHBAY_TRY(const bool there, has(Slot::a, image));
    if (there) return unchanged(context, Slot::a, image, record);
    if (b_) PATCHBAY_CHECK(make_fallback(context, record));
    context.progress(50);
    PATCHBAY_CHECK(overwrite(context, Slot::a, image, record));
    return complete(Slot::a, image, record);
  }

  // If A is not valid, the machine runs from B, which then is the fallback as it is.
  Status make_fallback(Context& context, Record& record) const {
    PATCHBAY_TRY(const auto first, a_->read(std::min(a_->device().size, b_->device().size)));
    if (has_magic(first, settings_)) return overwrite(context, Slot::b, first, record);
    PATCHBAY_TRY(const auto second, b_->read(b_->device().size));
    if (has_magic(second, settings_)) return Done{};
    return Error{"neither " + name(Slot::a) + " nor " + name(Slot::b) +
                 " has the Magic of a boot loader: " + "what has this machine started from?"};
  }

  Status overwrite(Context& context, Slot slot, const std::string& bytes, Record& record) const {
    PATCHBAY_TRY(const auto old, place(slot).read(bytes.size()));
    if (old == bytes) {
      context.log(name(slot) + " has it already");
      return Done{};
    }
    PATCHBAY_CHECK(module::require_free_space(context.tmp_path("x"), old.size(), 2)
                       .context("keep the old content of " + name(slot)));
    PATCHBAY_CHECK(record.keep_old(slot, old));
    context.status("writing " + name(slot));
    PATCHBAY_TRY(const auto written, place(slot).write(bytes));
    context.log("wrote " + module::human_size(written) + " to " + name(slot) +
                ", and read it back");
    return Done{};
  }

  static Status complete(Slot slot, const std::string& image, Record& record) {
    PATCHBAY_TRY(const auto sum, slot::sha256_of(image));
    return record.installed(slot, sum, image.size());
  }
  Status unchanged(Context& context, Slot slot, const std::string& image, Record& record) const {
    context.log(name(slot) + " has this boot loader already; nothing was written");
    return complete(slot, image, record);
  }

  AreaSettings settings_;
  PlacePtr a_;
  PlacePtr b_;
  std::unique_ptr<Selector> selector_;
};

}  // namespace

Result<std::unique_ptr<Area>> open_device_area(const AreaSettings& settings, slot::Files files) {
  const auto what = "the area '" + settings.name + "', copy ";
  PATCHBAY_TRY(auto a, open_place(settings, settings.copies.front(), what + "A", files));
  if (settings.copies.size() == 1)
    return std::unique_ptr<Area>{
        std::make_unique<DeviceArea>(settings, std::move(a), nullptr, nullptr)};
  PATCHBAY_TRY(auto b, open_place(settings, settings.copies.back(), what + "B", files));
  if (slot::overlap(a->device(), b->device()))
    return Error{"the area '" + settings.name + "': both copies are in the same place (" +
                 a->name() + ", " + b->name() + ")"};
  std::unique_ptr<Selector> selector;
  if (settings.select != AreaSettings::Select::order) {
    PATCHBAY_TRY(selector, open_selector(settings, a->device(), b->device(), files));
  }
  return std::unique_ptr<Area>{
      std::make_unique<DeviceArea>(settings, std::move(a), std::move(b), std::move(selector))};
}

}  // namespace patchbay::bootloader
