#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/manifest.hpp"
#include "sdk/artifact/manifest_keys.hpp"
#include "sdk/artifact/outcome.hpp"
#include "sdk/artifact/write_options.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::ordered_json;

Json described(Json schema, const std::string& text) {
  schema["description"] = text;
  return schema;
}
Json text(const std::string& about) {
  return described({{"type", {"string", "number"}}}, about);
}
Json flag(const std::string& about) {
  return described({{"type", "boolean"}}, about);
}
Json texts(const std::string& about) {
  const Json one = {{"type", {"string", "number"}}};
  return described({{"anyOf", {one, {{"type", "array"}, {"items", one}}}}}, about);
}
Json pairs(const std::string& about) {
  return described(
      {{"type", "object"}, {"additionalProperties", {{"type", {"string", "number", "boolean"}}}}},
      about);
}

Json key_schema(const ManifestKey& key) {
  switch (key.kind) {
    case KeyKind::text:
      return text(key.help);
    case KeyKind::flag:
      return flag(key.help);
    case KeyKind::texts:
      return texts(key.help);
    case KeyKind::pairs:
      return pairs(key.help);
  }
  return {};
}

Json choice(const GeneratorOption& option) {
  Json words = Json::array();
  for (std::size_t at = 0; at <= option.value.size();) {
    const std::size_t end = std::min(option.value.find('|', at), option.value.size());
    words.push_back(option.value.substr(at, end - at));
    at = end + 1;
  }
  return described({{"enum", words}}, option.help);
}

Json option_schema(const GeneratorOption& option) {
  if (option.kind == OptionKind::flag) return flag(option.help);
  if (option.kind == OptionKind::choice) return choice(option);
  return option.repeat ? texts(option.help) : text(option.help);
}

Json payload_schema(const Generator& generator) {
  Json schema;
  schema["type"] = "object";
  schema["properties"]["type"] = {{"const", generator.type}};
  schema["required"] = {"type"};
  for (const GeneratorOption& option : generator.options) {
    schema["properties"][option.name] = option_schema(option);
    if (option.required) schema["required"].push_back(option.name);
    if (!option.with.empty()) schema["dependentRequired"][option.name] = {option.with};
  }
  if (generator.needs_meta_data) schema["required"].push_back("meta-data");
  for (const ManifestKey& key : kPayloadKeys)
    if (applies(key.name, generator)) schema["properties"][key.name] = key_schema(key);
  schema["additionalProperties"] = false;
  return schema;
}

/// A payload of a type without description: files and meta-data.
Json other_payload_schema(const std::map<std::string, Generator>& generators) {
  Json schema = payload_schema(plain_generator(""));
  Json known = Json::array();
  for (const auto& [type, generator] : generators)
    known.push_back(type);
  schema["properties"]["type"] =
      described({{"type", "string"}, {"not", {{"enum", known}}}}, "Any other type");
  return schema;
}

}  // namespace

std::string manifest_schema(const std::map<std::string, Generator>& generators) {
  Json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Manifest of patchbay-artifact write";
  schema["description"] =
      "An artifact to make, in YAML. Paths are relative to this file; options of "
      "the command line win over what stands here.";
  schema["type"] = "object";
  Json& keys = schema["properties"];
  for (const ManifestKey& key : kArtifactKeys)
    keys[key.name] = key_schema(key);
  Json types = Json::array();
  for (const auto& [type, generator] : generators)
    types.push_back(payload_schema(generator));
  types.push_back(other_payload_schema(generators));
  keys["payloads"] = {{"type", "array"}, {"minItems", 1}, {"items", {{"oneOf", types}}}};
  schema["required"] = {"payloads"};
  schema["additionalProperties"] = false;
  return schema.dump(2);
}

int schema(const Call& call) {
  CLI::App app{"Prints the JSON Schema of the manifest that `write manifest` reads."};
  std::vector<std::string> directories;
  app.add_option("--generators", directories, "Where to look for descriptions of payload types")
      ->type_name("DIR")
      ->allow_extra_args(false);
  if (const auto code =
          parse(app, call, "  " + program_name(call.face) + " schema > manifest-schema.json"))
    return *code;
  const auto generators = find_generators(directories);
  if (!generators) return fail(call, Outcome::failed, generators.error());
  warn_of_broken(call, *generators);
  std::printf("%s\n", manifest_schema(generators->known).c_str());
  return exit_code(call.face, Outcome::done);
}

}  // namespace patchbay::artifact_tool
