#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/artifact/piece_sums.hpp"
#include "sdk/artifact/show.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(SignatureShown state) {
  switch (state) {
    case SignatureShown::none:
      return "none";
    case SignatureShown::missing:
      return "missing";
    case SignatureShown::unchecked:
      return "unchecked";
    case SignatureShown::verified:
      return "verified";
    case SignatureShown::bad:
      return "bad";
  }
  return "none";
}

Json signature_json(const Shown& shown) {
  Json json{{"state", name_of(shown.signature)}};
  if (shown.signature == SignatureShown::verified) json["key"] = shown.contents.verified_by;
  return json;
}

Json scripts_json(const std::vector<artifact::Script>& scripts) {
  Json json = Json::array();
  for (const artifact::Script& script : scripts)
    json.push_back({{"name", script.name}, {"size", script.content.size()}});
  return json;
}

Json file_json(const artifact::PayloadFile& file) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", file.mode);
  Json json{{"name", file.name},
            {"size", file.size},
            {"sha256", file.sha256},
            {"mode", mode.data()},
            {"modified", file.mtime}};
  if (file.augmented) json["augmented"] = true;
  return json;
}

/// What a header says about a payload, without its type.
Json said_json(const artifact::PayloadHeader& payload) {
  Json json{{"provides", Json::object()},
            {"depends", Json::object()},
            {"clears", payload.clears ? Json(*payload.clears) : Json()},
            {"meta_data", Json()}};
  for (const auto& [key, value] : payload.provides)
    json["provides"][key] = value;
  for (const auto& [key, values] : payload.depends)
    json["depends"][key] = values;
  if (!payload.meta_data.empty())
    json["meta_data"] = Json::parse(with_piece_sums_counted(payload.meta_data));
  return json;
}

Json payload_json(const artifact::Contents& contents, std::size_t index) {
  const artifact::PayloadHeader& payload = contents.header.payloads[index];
  Json json{{"type", payload.type ? Json(*payload.type) : Json()}};
  json.update(said_json(payload));
  json["files"] = Json::array();
  for (const artifact::PayloadFile& file : contents.files)
    if (file.payload == index) json["files"].push_back(file_json(file));
  if (contents.header.augment) json["augment"] = said_json(*contents.header.augment);
  return json;
}

}  // namespace

void print_json(const Shown& shown) {
  const artifact::Header& header = shown.contents.header;
  Json json{{"artifact_name", header.name},
            {"artifact_group", header.group ? Json(*header.group) : Json()},
            {"format_version", 3},
            {"compatible_types", header.compatible_types},
            {"depends_artifact_name", header.depends_names},
            {"depends_artifact_group", header.depends_groups},
            {"signature", signature_json(shown)},
            {"scripts", scripts_json(header.scripts)},
            {"payloads", Json::array()},
            {"entries", shown.contents.entries}};
  for (std::size_t i = 0; i < header.payloads.size(); ++i)
    json["payloads"].push_back(payload_json(shown.contents, i));
  std::printf("%s\n", json.dump(2).c_str());
}

}  // namespace patchbay::artifact_tool
