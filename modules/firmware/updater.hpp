#pragma once

#include <string>
#include <vector>

#include "modules/firmware/description.hpp"
#include "modules/firmware/driver.hpp"
#include "modules/firmware/history.hpp"
#include "modules/firmware/image_store.hpp"
#include "modules/firmware/request.hpp"
#include "patchbay/module.hpp"

namespace patchbay::firmware {

/// Whether a device that has `now` would get an older version, and nobody has allowed that.
bool is_forbidden_downgrade(const Request& request, const std::string& now);

/// One update of all devices of a kind, or its undoing. Made anew in each call; what it has to
/// know is in its History.
class Updater {
 public:
  Updater(module::Context& context, const Description& description, History& history)
      : context_{context}, description_{description}, history_{history} {}

  /// Which devices need the version, and what they have; asks the devices, changes nothing. Errors:
  /// a device does not answer, has no room, or would be downgraded without permission.
  module::Result<std::vector<History::Change>> look(const Request& request, std::uint64_t bytes);
  /// Keeps the old firmware and the new, and notes the plan.
  module::Status prepare(std::vector<History::Change> changes, const Image& image);
  /// Writes the devices that are not done yet, one after the other; stops at the first failure.
  module::Status flash();
  /// Whether the devices say that they have the new version.
  module::Status check();
  /// Puts the old firmware back, last device first; goes on after a failure and returns the first.
  module::Status restore();

  /// Whether old firmware can be put back on this device.
  [[nodiscard]] bool can_restore(const History::Change& change) const;

 private:
  [[nodiscard]] module::Result<const Device*> find_device(const std::string& name) const;
  module::Status keep(History::Change& change, ImageStore& store);
  module::Status write(Driver& driver, const Device& device, const Image& image);
  module::Status expect_version(Driver& driver, const Device& device, const std::string& version);
  module::Status restore(const History::Change& change);

  module::Context& context_;
  const Description& description_;
  History& history_;
};

}  // namespace patchbay::firmware
