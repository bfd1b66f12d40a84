#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "patchbay/context.hpp"
#include "patchbay/journal.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// The journal of one update: what is going to be done to which device, and how far it is. Each
/// record is written before the fact, but those that end with -ed.
class History {
 public:
  /// A device that gets new firmware.
  struct Change {
    std::string device;
    std::string from;   ///< version before; empty: it had no working firmware
    bool kept = false;  ///< firmware of that version is in the store
  };

  static module::Result<History> open(const module::Context& context);

  [[nodiscard]] bool empty() const { return journal_.empty(); }
  [[nodiscard]] const std::string& kind() const { return kind_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] std::vector<Change> changes() const;
  /// The install has begun to ask the devices; until `planned` nothing of them changes.
  [[nodiscard]] bool looked() const { return has("looked", ""); }
  /// Everything up to here is known; from here on devices change.
  [[nodiscard]] bool planned() const { return has("planned", ""); }
  [[nodiscard]] bool begun(const std::string& device) const { return has("flash", device); }
  [[nodiscard]] bool flashed(const std::string& device) const { return has("flashed", device); }
  [[nodiscard]] bool installed() const { return has("installed", ""); }
  [[nodiscard]] bool undoing() const { return has("undo", ""); }
  [[nodiscard]] bool restored(const std::string& device) const { return has("restored", device); }

  module::Status plan(const std::string& kind, const std::string& version,
                      const std::vector<Change>& changes);
  module::Status note(std::string_view kind, const std::string& device = "");
  module::Status clear();

 private:
  explicit History(module::Journal journal) : journal_{std::move(journal)} {}
  [[nodiscard]] bool has(std::string_view kind, const std::string& device) const;
  void read_plan();

  module::Journal journal_;
  std::string kind_;
  std::string version_;
};

}  // namespace patchbay::firmware
