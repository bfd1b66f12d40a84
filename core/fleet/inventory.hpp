#pragma once

#include <string>
#include <vector>

#include "core/base/log.hpp"
#include "core/fleet/attributes.hpp"
#include "core/fleet/server.hpp"

namespace patchbay::fleet {

struct InventorySettings {
  std::string directory;  ///< Mender's /usr/share/mender/inventory; need not be there
  std::vector<std::string> environment;  ///< of the scripts
};

/// What all inventory scripts (`mender-inventory-*`, executable) say, in the order of their names,
/// with `own` over it. A script that fails is missing from it, with a warning.
Attributes collect_inventory(const InventorySettings& settings, const Attributes& own, Log& log);

/// The body of a report: a JSON array of name and value, sorted by name.
std::string inventory_body(const Attributes& inventory);

/// Has the server replace what it knows of this device. Error: not reached, or not taken.
Status report_inventory(Server& server, const std::string& body);

}  // namespace patchbay::fleet
