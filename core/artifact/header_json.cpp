#include "core/artifact/header_json.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/artifact/json_check.hpp"
#include "core/artifact/names.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {
namespace {

using Json = nlohmann::json;

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

/// check_json_object() has bounded the depth, so that the recursive parser is safe here.
Result<Json> parse_object(std::string_view text, const Limits& limits) {
  PB_CHECK(check_json_object(text, limits));
  return Json::parse(text.begin(), text.end(), nullptr, false);
}

Status check_keys(const Json& object, std::string_view what,
                  std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return invalid("unknown key " + in_quotes(key) + " in " + std::string{what});
    }
  }
  return Done{};
}

/// A member that has to be there and to be of one kind.
Result<const Json*> member(const Json& object, const std::string& key, Json::value_t kind) {
  const auto found = object.find(key);
  if (found == object.end()) return invalid(key + " is missing");
  if (found->type() != kind) {
    return invalid(key + " is " + found->type_name() + ", not " + Json(kind).type_name());
  }
  return &*found;
}

Result<std::vector<std::string>> string_list(const Json& value, const std::string& what) {
  if (!value.is_array()) return invalid(what + " is not an array of strings");
  std::vector<std::string> list;
  for (const Json& item : value) {
    if (!item.is_string()) return invalid(what + " holds something other than strings");
    list.push_back(item.get<std::string>());
  }
  return list;
}

/// Names in artifact_depends; an absent member is an empty list.
Result<std::vector<std::string>> name_list(const Json& object, const std::string& key,
                                           const Limits& limits) {
  if (!object.contains(key)) return std::vector<std::string>{};
  PB_TRY(std::vector<std::string> names, string_list(object.at(key), key));
  for (const std::string& name : names)
    PB_CHECK(check_artifact_name(key, name, limits));
  return names;
}

Result<std::optional<std::string>> payload_type(const Json& payload, const Limits& limits) {
  if (!payload.is_object()) return invalid("payloads holds something other than objects");
  PB_CHECK(check_keys(payload, "payloads", {"type"}));
  const auto type = payload.find("type");
  if (type == payload.end()) return invalid("type of a payload is missing");
  if (type->is_null()) return std::optional<std::string>{};
  if (!type->is_string()) return invalid("type of a payload is neither a string nor null");
  auto text = type->get<std::string>();
  if (!is_payload_type(text, limits)) {
    return invalid("payload type " + in_quotes(text) +
                   " is not a name of [A-Za-z0-9_.-], at most " +
                   std::to_string(limits.payload_type_bytes) + " long");
  }
  return std::optional{std::move(text)};
}

Result<std::vector<std::optional<std::string>>> payload_types(const Json& header_info,
                                                              const Limits& limits) {
  PB_TRY(const Json* payloads, member(header_info, "payloads", Json::value_t::array));
  if (payloads->empty()) return invalid("payloads is empty");
  if (payloads->size() > limits.payloads) {
    return invalid("there are " + std::to_string(payloads->size()) + " payloads; the limit is " +
                   std::to_string(limits.payloads));
  }
  std::vector<std::optional<std::string>> types;
  for (const Json& payload : *payloads) {
    PB_TRY(auto type, payload_type(payload, limits));
    types.push_back(std::move(type));
  }
  const auto empty = std::find(types.begin(), types.end(), std::nullopt);
  if (types.size() > 1 && empty != types.end()) {
    return invalid("an empty payload (type null) stands beside other payloads");
  }
  return types;
}

Status read_provides(HeaderInfo& info, const Json& json, const Limits& limits) {
  PB_TRY(const Json* provides, member(json, "artifact_provides", Json::value_t::object));
  PB_CHECK(check_keys(*provides, "artifact_provides", {"artifact_name", "artifact_group"}));
  PB_TRY(const Json* name, member(*provides, "artifact_name", Json::value_t::string));
  info.name = name->get<std::string>();
  PB_CHECK(check_artifact_name("artifact_name", info.name, limits));
  if (!provides->contains("artifact_group")) return Done{};
  PB_TRY(const Json* group, member(*provides, "artifact_group", Json::value_t::string));
  info.group = group->get<std::string>();
  return check_artifact_name("artifact_group", *info.group, limits);
}

Status read_depends(HeaderInfo& info, const Json& json, const Limits& limits) {
  PB_TRY(const Json* depends, member(json, "artifact_depends", Json::value_t::object));
  PB_CHECK(
      check_keys(*depends, "artifact_depends", {"artifact_name", "device_type", "artifact_group"}));
  PB_TRY(info.compatible_types, name_list(*depends, "device_type", limits));
  PB_TRY(info.depends_names, name_list(*depends, "artifact_name", limits));
  PB_TRY(info.depends_groups, name_list(*depends, "artifact_group", limits));
  if (info.compatible_types.empty()) {
    return invalid("artifact_depends names no device_type, so that no device could install it");
  }
  return Done{};
}

/// Keys that belong to header-info; a type-info that repeats them means to override it.
Status check_provide_key(const std::string& key, const std::string& what) {
  static constexpr std::array<std::string_view, 3> kReserved{"artifact_name", "artifact_group",
                                                             "device_type"};
  if (std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end()) {
    return invalid(what + " redefines " + key + " of header-info");
  }
  if (has_control_character(key)) {
    return invalid(what + ": key " + in_quotes(key) + " holds a control character");
  }
  return Done{};
}

/// Provides are stored and printed one a line, so that a line feed in one would forge another.
Status check_provide_value(const std::string& key, const std::string& value,
                           const std::string& what) {
  if (!has_control_character(value)) return Done{};
  return invalid(what + ": value " + in_quotes(value) + " of " + in_quotes(key) +
                 " holds a control character");
}

Result<std::map<std::string, std::string>> type_provides(const Json& object) {
  const std::string what = "artifact_provides";
  std::map<std::string, std::string> provides;
  for (const auto& [key, value] : object.items()) {
    PB_CHECK(check_provide_key(key, what));
    if (!value.is_string())
      return invalid(what + ": value of " + in_quotes(key) + " is not a string");
    PB_CHECK(check_provide_value(key, value.get<std::string>(), what));
    provides.emplace(key, value.get<std::string>());
  }
  return provides;
}

Result<std::map<std::string, std::vector<std::string>>> type_depends(const Json& object) {
  const std::string what = "artifact_depends";
  std::map<std::string, std::vector<std::string>> depends;
  for (const auto& [key, value] : object.items()) {
    PB_CHECK(check_provide_key(key, what));
    std::vector<std::string> values;
    if (value.is_string()) {
      values.push_back(value.get<std::string>());
    } else {
      PB_TRY(values, string_list(value, what + ": value of " + in_quotes(key)));
    }
    if (values.empty()) return invalid(what + ": " + in_quotes(key) + " lists no value");
    for (const std::string& text : values)
      PB_CHECK(check_provide_value(key, text, what));
    depends.emplace(key, std::move(values));
  }
  return depends;
}

Result<std::vector<std::string>> type_clears(const Json& value) {
  const std::string what = "clears_artifact_provides";
  PB_TRY(std::vector<std::string> patterns, string_list(value, what));
  for (const std::string& pattern : patterns) {
    if (has_control_character(pattern)) {
      return invalid(what + ": " + in_quotes(pattern) + " holds a control character");
    }
  }
  return patterns;
}

}  // namespace

Status check_version(std::string_view text, const Limits& limits) {
  PB_TRY(const Json json, parse_object(text, limits));
  PB_CHECK(check_keys(json, "version", {"format", "version"}));
  PB_TRY(const Json* format, member(json, "format", Json::value_t::string));
  if (*format != "mender") {
    return invalid("format is " + in_quotes(format->get<std::string>()) + ", not \"mender\"");
  }
  const auto version = json.find("version");
  if (version == json.end()) return invalid("version is missing");
  if (!version->is_number_integer()) return invalid("version is not an integer");
  if (*version == 3) return Done{};
  return Error{ErrorCode::unsupported, "format version " + version->dump() +
                                           " is not supported, only version 3 is; make the "
                                           "artifact again with a current tool"};
}

Result<HeaderInfo> parse_header_info(std::string_view text, const Limits& limits) {
  PB_TRY(const Json json, parse_object(text, limits));
  PB_CHECK(check_keys(json, "header-info", {"payloads", "artifact_provides", "artifact_depends"}));
  HeaderInfo info;
  PB_TRY(info.payload_types, payload_types(json, limits));
  PB_CHECK(read_provides(info, json, limits));
  PB_CHECK(read_depends(info, json, limits));
  return info;
}

Result<AugmentInfo> parse_augment_info(std::string_view text, const Limits& limits) {
  PB_TRY(const Json json, parse_object(text, limits));
  AugmentInfo info;
  PB_TRY(info.payload_types, payload_types(json, limits));
  if (json.size() == 1) return info;
  PB_TRY(info.repeated, parse_header_info(text, limits));
  return info;
}

Result<TypeInfo> parse_type_info(std::string_view text, const Limits& limits) {
  PB_TRY(const Json json, parse_object(text, limits));
  TypeInfo info;
  const auto type = json.find("type");
  if (type == json.end()) return invalid("type is missing");
  if (!type->is_string() && !type->is_null()) return invalid("type is neither a string nor null");
  if (type->is_string()) info.type = type->get<std::string>();

  if (json.contains("artifact_provides")) {
    PB_TRY(const Json* value, member(json, "artifact_provides", Json::value_t::object));
    PB_TRY(info.provides, type_provides(*value));
  }
  if (json.contains("artifact_depends")) {
    PB_TRY(const Json* value, member(json, "artifact_depends", Json::value_t::object));
    PB_TRY(info.depends, type_depends(*value));
  }
  if (json.contains("clears_artifact_provides")) {
    PB_TRY(info.clears, type_clears(json.at("clears_artifact_provides")));
  }
  return info;
}

}  // namespace patchbay::artifact
