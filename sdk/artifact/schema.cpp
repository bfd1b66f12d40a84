#include <CLI/CLI.hpp>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/artifact/command_line.hpp"
#include "sdk/artifact/commands.hpp"
#include "sdk/artifact/manifest.hpp"
#include "sdk/artifact/outcome.hpp"

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

Json common_of_payload() {
  Json keys;
  keys["provides"] = pairs("What the device provides afterwards");
  keys["depends"] = pairs("What it has to provide before");
  keys["clears-provides"] = texts("Patterns of provides that are removed when it is committed");
  keys["software-name"] = text("NAME of the provide rootfs-image.NAME.version");
  keys["software-version"] = text("Its value; default: the artifact's name");
  keys["software-filesystem"] = text("FS instead of rootfs-image in it");
  keys["no-default-software-version"] = flag("No such provide, unless software-version is given");
  keys["no-default-clears-provides"] = flag("Clear nothing but what is asked for");
  return keys;
}

Json option_schema(const GeneratorOption& option) {
  if (option.kind == OptionKind::flag) return flag(option.help);
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
  }
  if (generator.meta_data.empty())
    schema["properties"]["meta-data"] = text("File with a JSON object for the module");
  if (!generator.checksum.empty()) {
    schema["properties"]["no-checksum-provide"] = flag("No rootfs-image.checksum");
    schema["properties"]["legacy-rootfs-image-checksum"] = flag("Call it rootfs_image_checksum");
  }
  schema["properties"].update(common_of_payload());
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
  keys["artifact-name"] = text("Name of the artifact");
  keys["compatible-types"] = texts("Types of device it is for");
  keys["provides-group"] = text("Group it belongs to");
  keys["depends-groups"] = texts("Only for devices of one of these groups");
  keys["artifact-name-depends"] = texts("Only for devices that run one of these");
  keys["scripts"] = texts("State scripts, or directories of them");
  keys["compression"] = text("none, gzip[:1-12], xz[:0-9], zstd[:1-19]");
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
  if (const auto code = parse(app, call, "  patchbay-artifact schema > manifest-schema.json"))
    return *code;
  const auto generators = find_generators(generator_directories(directories));
  if (!generators) return fail(call, Outcome::failed, generators.error());
  std::printf("%s\n", manifest_schema(*generators).c_str());
  return exit_code(call.face, Outcome::done);
}

}  // namespace patchbay::artifact_tool
