#include "sdk/artifact/manifest.hpp"

#include "core/os/file.hpp"
#include "sdk/artifact/manifest_keys.hpp"
#include "sdk/artifact/yaml.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLargestManifest = 1 * kMiB;

/// Relative paths mean: beside the manifest.
std::string beside(const std::string& manifest, const std::string& path) {
  const std::size_t slash = manifest.rfind('/');
  if (path.starts_with("/") || slash == std::string::npos) return path;
  return manifest.substr(0, slash + 1) + path;
}

/// "KEY:VALUE" of each member of a mapping.
Result<std::vector<std::string>> pairs_at(const YAML::Node& node, const std::string& key) {
  std::vector<std::string> pairs;
  const YAML::Node map = node[key];
  if (!map || map.IsNull()) return pairs;
  if (!map.IsMap()) return wrong_value(map, "\"" + key + "\" must be a mapping");
  for (const auto& pair : map) {
    if (!pair.second.IsScalar()) return wrong_value(pair.second, "a text is needed here");
    if (pair.first.Scalar().find(':') != std::string::npos)
      return wrong_value(pair.first, "a colon is not possible in a key here");
    pairs.push_back(pair.first.Scalar() + ":" + pair.second.Scalar());
  }
  return pairs;
}

Status read_values(const YAML::Node& node, const std::string& path, PayloadRequest& payload) {
  for (const GeneratorOption& option : payload.generator.options) {
    if (!node[option.name]) continue;
    if (option.kind == OptionKind::flag) {
      PB_TRY(const bool on, truth_at(node, option.name));
      if (on) payload.values[option.name] = {"true"};
      continue;
    }
    PB_TRY(auto values, texts_at(node, option.name));
    if (is_local(option.kind))
      for (std::string& value : values)
        value = beside(path, value);
    payload.values[option.name] = std::move(values);
  }
  return Done{};
}

Status read_common(const YAML::Node& node, const std::string& path, PayloadRequest& payload) {
  PB_TRY(payload.provides, pairs_at(node, "provides"));
  PB_TRY(payload.depends, pairs_at(node, "depends"));
  PB_TRY(payload.clears, texts_at(node, "clears-provides"));
  payload.clears_given = static_cast<bool>(node["clears-provides"]);
  PB_TRY(payload.software_name, text_at(node, "software-name"));
  PB_TRY(payload.software_version, text_at(node, "software-version"));
  PB_TRY(payload.software_filesystem, text_at(node, "software-filesystem"));
  PB_TRY(payload.no_default_software_version, truth_at(node, "no-default-software-version"));
  PB_TRY(payload.no_default_clears, truth_at(node, "no-default-clears-provides"));
  PB_TRY(payload.no_checksum, truth_at(node, "no-checksum-provide"));
  PB_TRY(payload.legacy_checksum, truth_at(node, "legacy-rootfs-image-checksum"));
  PB_TRY(const std::string meta_data, text_at(node, "meta-data"));
  if (!meta_data.empty()) payload.meta_data_file = beside(path, meta_data);
  return Done{};
}

std::vector<std::string_view> known_keys(const Generator& generator) {
  std::vector<std::string_view> known{"type"};
  for (const ManifestKey& key : kPayloadKeys)
    if (applies(key.name, generator)) known.emplace_back(key.name);
  for (const GeneratorOption& option : generator.options)
    known.emplace_back(option.name);
  return known;
}

Result<PayloadRequest> payload_of(const YAML::Node& node, const std::string& path,
                                  const Generators& generators) {
  if (!node.IsMap()) return wrong_value(node, "a payload is a mapping");
  PB_TRY(const std::string type, text_at(node, "type"));
  if (type.empty()) return wrong_value(node, "a payload needs a \"type\"");
  PayloadRequest payload;
  PB_TRY(const auto found, generators.find(type));
  payload.generator = found ? *found : plain_generator(type);
  PB_CHECK(check_keys(node, known_keys(payload.generator)));
  PB_CHECK(read_values(node, path, payload));
  PB_CHECK(read_common(node, path, payload));
  return payload;
}

/// Puts in what the command line has left open.
Status fill_in(const YAML::Node& root, const std::string& path, ArtifactRequest& request) {
  const auto fill_text = [&](const char* key, std::string& target) -> Status {
    PB_TRY(std::string text, text_at(root, key));
    if (target.empty()) target = std::move(text);
    return Done{};
  };
  const auto fill_list = [&](const char* key, std::vector<std::string>& target) -> Status {
    PB_TRY(auto texts, texts_at(root, key));
    if (target.empty()) target = std::move(texts);
    return Done{};
  };
  PB_CHECK(fill_text("artifact-name", request.name));
  PB_CHECK(fill_text("provides-group", request.group));
  PB_CHECK(fill_text("compression", request.compression));
  PB_CHECK(fill_list("compatible-types", request.compatible_types));
  PB_CHECK(fill_list("depends-groups", request.depends_groups));
  PB_CHECK(fill_list("artifact-name-depends", request.depends_names));
  if (!request.scripts.empty()) return Done{};
  PB_CHECK(fill_list("scripts", request.scripts));
  for (std::string& script : request.scripts)
    script = beside(path, script);
  return Done{};
}

Result<ArtifactRequest> request_of(const YAML::Node& root, const std::string& path,
                                   const Generators& generators, ArtifactRequest request) {
  std::vector<std::string_view> known{"payloads"};
  for (const ManifestKey& key : kArtifactKeys)
    known.emplace_back(key.name);
  PB_CHECK(check_keys(root, known));
  PB_CHECK(fill_in(root, path, request));
  const YAML::Node payloads = root["payloads"];
  if (!payloads || !payloads.IsSequence() || payloads.size() == 0)
    return wrong_value(root, "\"payloads\" must list at least one payload");
  for (const YAML::Node& node : payloads) {
    PB_TRY(auto payload, payload_of(node, path, generators));
    request.payloads.push_back(std::move(payload));
  }
  return request;
}

}  // namespace

Result<ArtifactRequest> read_manifest(const std::string& path, const Generators& generators,
                                      ArtifactRequest from_options) {
  PB_TRY(const std::string text, os::read_file(path, kLargestManifest));
  PB_TRY(const YAML::Node root, parse_yaml(text, path));
  return request_of(root, path, generators, std::move(from_options)).context(path);
}

}  // namespace patchbay::artifact_tool
