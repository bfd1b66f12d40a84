#include "core/store/standalone.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace patchbay::store {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kWaitingForCommit = "Before_ArtifactCommit_Enter";
constexpr std::array<std::string_view, 9> kStates{
    "Before_ArtifactInstall_Enter", "ArtifactInstall_Enter",       kWaitingForCommit,
    "ArtifactCommit_Enter",         "Before_ArtifactCommit_Leave", "ArtifactCommit_Leave",
    "ArtifactRollback_Enter",       "ArtifactFailure_Enter",       "Cleanup"};

Error broken(const std::string& what) {
  return {ErrorCode::invalid_input,
          "the store's record of " + std::string{kStandaloneState} + " is broken: " + what};
}

/// The member, or null when it is absent or JSON's null, which Go's encoder writes for "none".
const Json* find(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it == json.end() || it->is_null() ? nullptr : &*it;
}

Result<std::string> text_of(const Json& json, const char* key) {
  const Json* value = find(json, key);
  if (value == nullptr) return std::string{};
  if (!value->is_string()) return broken(std::string{key} + " is not a string");
  return value->get<std::string>();
}

Result<bool> flag_of(const Json& json, const char* key) {
  const Json* value = find(json, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) return broken(std::string{key} + " is not true or false");
  return value->get<bool>();
}

Result<std::optional<std::vector<std::string>>> list_of(const Json& json, const char* key) {
  const Json* value = find(json, key);
  if (value == nullptr) return std::optional<std::vector<std::string>>{};
  if (!value->is_array() ||
      !std::all_of(value->begin(), value->end(), [](const Json& v) { return v.is_string(); }))
    return broken(std::string{key} + " is not a list of strings");
  return std::optional{value->get<std::vector<std::string>>()};
}

Result<Provides> map_of(const Json& json, const char* key) {
  const Json* value = find(json, key);
  if (value == nullptr) return Provides{};
  if (!value->is_object() ||
      !std::all_of(value->begin(), value->end(), [](const Json& v) { return v.is_string(); }))
    return broken(std::string{key} + " is not an object of strings");
  return value->get<Provides>();
}

/// Version 1 has no states: it is only ever written when an update waits for its commit. What a
/// newer client put beside it for its own use does not count.
Status read_progress(const Json& json, StandaloneRecord& record) {
  const Json* version = find(json, "Version");
  if (version == nullptr || !version->is_number_integer()) return broken("Version is missing");
  if (*version == 1) {
    record.in_state = kWaitingForCommit;
    return Done{};
  }
  if (*version != 2) {
    return Error{ErrorCode::unsupported, "the store's record of " + std::string{kStandaloneState} +
                                             " has version " + version->dump() +
                                             ", supported are 1 and 2; finish the update with the "
                                             "client that began it"};
  }
  PB_TRY(record.in_state, text_of(json, "InState"));
  if (std::find(kStates.begin(), kStates.end(), record.in_state) == kStates.end())
    return broken("unknown InState \"" + record.in_state + "\"");
  PB_TRY(record.failed, flag_of(json, "Failed"));
  PB_TRY(record.rolled_back, flag_of(json, "RolledBack"));
  return Done{};
}

}  // namespace

Result<StandaloneRecord> parse_standalone(std::string_view json_text) {
  const Json json = Json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return broken(json.is_discarded() ? "not JSON" : "not a JSON object");
  StandaloneRecord record;
  PB_CHECK(read_progress(json, record));
  PB_TRY(record.artifact_name, text_of(json, "ArtifactName"));
  if (record.artifact_name.empty()) return broken("ArtifactName is missing");
  PB_TRY(auto group, text_of(json, "ArtifactGroup"));
  if (!group.empty()) record.artifact_group = std::move(group);
  PB_TRY(auto types, list_of(json, "PayloadTypes"));
  if (!types) return broken("PayloadTypes is missing");
  record.payload_types = std::move(*types);
  PB_TRY(record.provides, map_of(json, "ArtifactTypeInfoProvides"));
  PB_TRY(record.clears, list_of(json, "ArtifactClearsProvides"));
  return record;
}

std::string to_json(const StandaloneRecord& record) {
  const bool waiting =
      record.in_state == kWaitingForCommit && !record.failed && !record.rolled_back;
  Json json;
  json["Version"] = waiting ? 1 : 2;
  json["ArtifactName"] = record.artifact_name;
  json["ArtifactGroup"] = record.artifact_group.value_or("");
  json["PayloadTypes"] = record.payload_types;
  json["ArtifactTypeInfoProvides"] = record.provides;
  if (record.clears) json["ArtifactClearsProvides"] = *record.clears;
  json["InState"] = record.in_state;
  json["Failed"] = record.failed;
  json["RolledBack"] = record.rolled_back;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace patchbay::store
