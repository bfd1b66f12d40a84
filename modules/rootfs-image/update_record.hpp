#pragma once

#include <optional>
#include <string>

#include "modules/rootfs-image/boot_environment.hpp"
#include "patchbay/module.hpp"

namespace patchbay::rootfs_image {

/// How far this update has come: a journal in the work tree, each line durable before what it says
/// is done. Missing altogether for an update that another client's module has begun.
class UpdateRecord {
 public:
  static module::Result<UpdateRecord> open(const module::Context& context);

  /// The download begins; what an earlier one has left is forgotten.
  module::Status begin();
  /// The image is complete in `slot` and was read back.
  module::Status written(Slot slot, const std::string& sum);
  /// The boot loader is about to be told, by what `settings` say, to try `to` instead of `from`.
  module::Status switching(Slot from, Slot to, const Settings& settings);
  /// The new slot is about to be kept; it is.
  module::Status committing();
  module::Status committed();
  /// The old slot is booted again.
  module::Status went_back();

  [[nodiscard]] bool has_begun() const { return !journal_.empty(); }
  [[nodiscard]] std::optional<Slot> image_in() const { return slot_of("image", 1); }
  /// The slots of a switch; nothing while the boot loader was told nothing.
  [[nodiscard]] std::optional<Slot> old_slot() const { return slot_of("switch", 1); }
  [[nodiscard]] std::optional<Slot> new_slot() const { return slot_of("switch", 2); }
  /// By which the switch was made. Nothing for a switch by an earlier version of this module.
  [[nodiscard]] std::optional<Settings> settings() const;
  [[nodiscard]] bool has_begun_commit() const { return find("commit") != nullptr; }
  /// Nothing is on trial any more on our account.
  [[nodiscard]] bool is_over() const {
    return find("committed") != nullptr || find("back") != nullptr;
  }

 private:
  explicit UpdateRecord(module::Journal journal) : journal_{std::move(journal)} {}
  [[nodiscard]] const module::Journal::Record* find(std::string_view kind) const;
  [[nodiscard]] std::optional<Slot> slot_of(std::string_view kind, std::size_t field) const;

  module::Journal journal_;
};

}  // namespace patchbay::rootfs_image
