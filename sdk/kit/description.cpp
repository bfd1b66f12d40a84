#include "sdk/kit/description.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/bytes.hpp"

namespace patchbay::kit {
namespace {

using nlohmann::json;

bool is_text(const json& value) {
  return value.is_string();
}

bool is_bool(const json& value) {
  return value.is_boolean();
}

bool is_yes_or_no(const json& value) {
  return value == "yes" || value == "no";
}

bool is_reboot(const json& value) {
  return value == "never" || value == "maybe" || value == "always";
}

bool is_place(const json& value) {
  return value.is_string() && (value == "*" || value.get<std::string>().starts_with('/'));
}

bool are_places(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_place);
}

struct KeyRow {
  const char* key;
  bool (*is_right)(const json& value);
  const char* wanted;
};
constexpr std::array kKeys{
    KeyRow{"type", is_text, "a text"},
    KeyRow{"description", is_text, "a text"},
    KeyRow{"rollback", is_yes_or_no, "\"yes\" or \"no\""},
    KeyRow{"reboot", is_reboot, "\"never\", \"maybe\" or \"always\""},
    KeyRow{"streams", is_bool, "true or false"},
    KeyRow{"needs_rollback_space", is_bool, "true or false"},
    KeyRow{"network", is_bool, "true or false"},
    KeyRow{"version", is_text, "a text"},
    KeyRow{"writes", are_places, "an array of absolute paths, or of \"*\""},
};

/// Of all keys at once: whoever mends one wants to know of the others.
std::string problem_of(const json& object) {
  std::string problem;
  for (const KeyRow& row : kKeys) {
    if (!object.contains(row.key) || row.is_right(object[row.key])) continue;
    const auto value = object[row.key].dump(-1, ' ', false, json::error_handler_t::replace);
    problem += (problem.empty() ? "\"" : "; \"") + std::string{row.key} + "\" is " + value +
               " and has to be " + row.wanted;
  }
  return problem;
}

std::optional<std::vector<std::string>> writes_of(const json& object) {
  if (!object.contains("writes") || !are_places(object["writes"])) return std::nullopt;
  auto writes = object["writes"].get<std::vector<std::string>>();
  if (std::find(writes.begin(), writes.end(), "*") != writes.end()) return std::nullopt;
  return writes;
}

}  // namespace

Description read_description(const std::string& answer) {
  Description description;
  if (answer.empty()) return description;
  const json object = json::parse(answer, nullptr, false);
  if (!object.is_object()) {
    description.problem =
        "the answer was \"" + printable(answer) + "\"; it has to be a JSON object, or nothing";
    return description;
  }
  description.problem = problem_of(object);
  const auto right = [&object](const char* key, bool (*is_right)(const json&)) {
    return object.contains(key) && is_right(object[key]);
  };
  if (right("rollback", is_yes_or_no)) description.rollback = object["rollback"] == "yes";
  if (right("reboot", is_reboot)) description.reboot = object["reboot"].get<std::string>();
  if (right("streams", is_bool)) description.streams = object["streams"].get<bool>();
  description.writes = writes_of(object);
  return description;
}

}  // namespace patchbay::kit
