#include "core/fleet/inventory.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/os/file.hpp"

namespace patchbay::fleet {
namespace {

constexpr const char* kPath = "/api/devices/v1/inventory/device/attributes";
constexpr std::string_view kPrefix = "mender-inventory-";
/// The open-source server refuses reports with more (its limit can be configured).
constexpr std::size_t kUsualLimit = 100;

std::vector<std::string> scripts_in(const std::string& directory, Log& log) {
  auto names = os::list_directory(directory);
  if (!names) return {};
  std::vector<std::string> scripts;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix)) continue;
    std::string path = os::join(directory, name);
    if (::access(path.c_str(), X_OK) == 0) {
      scripts.push_back(std::move(path));
    } else {
      log.warning("the inventory script " + path + " is left out: it is not executable");
    }
  }
  return scripts;
}

}  // namespace

Attributes collect_inventory(const InventorySettings& settings, const Attributes& own, Log& log) {
  Attributes inventory;
  for (const std::string& script : scripts_in(settings.directory, log)) {
    auto said = run_attribute_script(script, settings.environment);
    if (!said) {
      log.warning("an inventory script is left out: " + said.error().message());
      continue;
    }
    for (auto& [name, values] : *said) {
      auto& all = inventory[name];
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  for (const auto& [name, values] : own)
    inventory[name] = values;
  if (inventory.size() > kUsualLimit) {
    log.warning("the inventory has " + std::to_string(inventory.size()) +
                " attributes; servers take " + std::to_string(kUsualLimit) +
                " unless they are configured for more");
  }
  return inventory;
}

std::string inventory_body(const Attributes& inventory) {
  auto body = nlohmann::json::array();
  for (const auto& [name, values] : inventory) {
    nlohmann::json attribute{{"name", name}};
    if (values.size() == 1) {
      attribute["value"] = values.front();
    } else {
      attribute["value"] = values;
    }
    body.push_back(std::move(attribute));
  }
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status report_inventory(Server& server, const std::string& body) {
  PB_TRY(const fetch::Answer answer, server.call({"PUT", kPath, body}));
  if (answer.success()) return Done{};
  return Error{ErrorCode::io, "the server does not take it: " + refusal_in_words(answer)};
}

}  // namespace patchbay::fleet
