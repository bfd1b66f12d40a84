#include <nlohmann/json.hpp>

#include "sdk/artifact/show.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::json;

void merge(Json& into, const Json& from) {
  for (const auto& [key, value] : from.items()) {
    Json& member = into[key];
    if (member.is_object() && value.is_object()) {
      merge(member, value);
    } else {
      member = value;
    }
  }
}

std::string merged_meta_data(const std::string& text, const std::string& added) {
  if (text.empty() || added.empty()) return text + added;
  Json json = Json::parse(text);
  merge(json, Json::parse(added));
  return json.dump();
}

}  // namespace

artifact::PayloadHeader merged(const artifact::PayloadHeader& payload,
                               const artifact::PayloadHeader& augment) {
  artifact::PayloadHeader all = payload;
  for (const auto& [key, value] : augment.provides)
    all.provides.insert_or_assign(key, value);
  for (const auto& [key, values] : augment.depends)
    all.depends.insert_or_assign(key, values);
  if (augment.clears) all.clears = augment.clears;
  all.meta_data = merged_meta_data(payload.meta_data, augment.meta_data);
  return all;
}

}  // namespace patchbay::artifact_tool
