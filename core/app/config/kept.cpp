#include "core/app/config/kept.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "core/app/config/document.hpp"
#include "core/app/config/merge.hpp"
#include "core/app/config/schema.hpp"
#include "core/base/token_uri.hpp"

namespace patchbay::app {
namespace {

using nlohmann::json;

constexpr const char* kPlace = "the configuration that the update has begun with";

/// The value of a field as JSON; one overload for each kind of field.
struct Writer {
  const Config& config;

  template <typename T>
  std::optional<json> operator()(T Config::*field) const {
    return json(config.*field);
  }
  std::optional<json> operator()(std::string Config::*field) const {
    return json(without_pin(config.*field));
  }
  std::optional<json> operator()(std::chrono::seconds Config::*field) const {
    return json((config.*field).count());
  }
  std::optional<json> operator()(Special /*special*/) const { return std::nullopt; }
};

/// Where the value of "Section.Key" or "Key" goes.
json& place_in(json& document, std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return document[std::string{name}];
  return document[std::string{name.substr(0, dot)}][std::string{name.substr(dot + 1)}];
}

}  // namespace

std::string to_json(const Config& config) {
  json document = json::object();
  for (const Key& key : known_keys()) {
    const bool is_set = config.origins.count(std::string{key.name}) > 0;
    if (!is_set || key.shown == Shown::masked) continue;
    if (auto value = std::visit(Writer{config}, key.field)) {
      place_in(document, key.name) = *std::move(value);
    }
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Config> parse_kept(const std::string& json) {
  Config config;
  PB_TRY(const Value document, parse_json(json).context(kPlace));
  PB_CHECK(merge(document, kPlace, config));
  return config;
}

}  // namespace patchbay::app
