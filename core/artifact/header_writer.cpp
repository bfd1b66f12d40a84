#include "core/artifact/header_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/artifact/input_files.hpp"
#include "core/artifact/json_check.hpp"
#include "core/artifact/names.hpp"
#include "core/artifact/tar_writer.hpp"

namespace patchbay::artifact {
namespace {

using Json = nlohmann::json;                  // members sorted by the bytes of their keys
using Ordered = nlohmann::ordered_json;       // members in the order of the format's description
constexpr std::size_t kLongestFileName = 90;  // "data/0000/" and it fit a plain tar header

Error refuse(std::string why) {
  return {ErrorCode::invalid_input, std::move(why)};
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

Status check_key(const std::string& key) {
  if (is_key_of_artifact(key))
    return refuse(in_quotes(key) + " belongs to the artifact, not to a payload");
  if (has_control_character(key)) return refuse(in_quotes(key) + " holds a control character");
  return Done{};
}

Status check_maps(const PayloadSpec& payload) {
  for (const auto& [key, value] : payload.provides) {
    PB_CHECK(check_key(key).context("provides"));
    if (has_control_character(value))
      return refuse("provides " + in_quotes(key) + ": control character");
  }
  for (const auto& [key, values] : payload.depends) {
    PB_CHECK(check_key(key).context("depends"));
    if (values.empty()) return refuse("depends " + in_quotes(key) + " lists no value");
    for (const auto& value : values)
      if (has_control_character(value))
        return refuse("depends " + in_quotes(key) + ": control character");
  }
  for (const auto& pattern : payload.clears.value_or(std::vector<std::string>{}))
    if (has_control_character(pattern))
      return refuse("clears " + in_quotes(pattern) + ": control character");
  return Done{};
}

Status check_files(const PayloadSpec& payload) {
  std::set<std::string> names;
  for (const auto& file : payload.files) {
    if (!is_file_name(file.name) || file.name.size() > kLongestFileName) {
      return refuse("file name " + in_quotes(file.name) + " is not of [A-Za-z0-9_.,-], at most " +
                    std::to_string(kLongestFileName) + " long");
    }
    if (!names.insert(file.name).second)
      return refuse("file name " + in_quotes(file.name) + " is there twice");
  }
  return Done{};
}

/// What the unsigned part says, as if it were a payload of its own.
PayloadSpec augment_of(const PayloadSpec& payload) {
  PayloadSpec made;
  made.type = payload.type;
  made.files = payload.augment->files;
  made.provides = payload.augment->provides;
  made.depends = payload.augment->depends;
  made.meta_data = payload.augment->meta_data;
  return made;
}

Status check_meta_data(const PayloadSpec& payload, const Limits& limits) {
  if (payload.meta_data.empty()) return Done{};
  if (payload.meta_data.size() > limits.meta_data_bytes)
    return refuse("meta-data has more than " + human_size(limits.meta_data_bytes));
  return check_json_object(payload.meta_data, limits).context("meta-data");
}

Status check_augment(const PayloadSpec& payload, const Limits& limits) {
  if (!payload.augment) return Done{};
  if (!payload.type) return refuse("an empty payload cannot be augmented");
  const PayloadSpec augment = augment_of(payload);
  PB_CHECK(check_maps(augment));
  PayloadSpec all = payload;
  all.files.insert(all.files.end(), augment.files.begin(), augment.files.end());
  PB_CHECK(check_files(all));
  return check_meta_data(augment, limits);
}

Status check_payload(const PayloadSpec& payload, const Limits& limits) {
  PB_CHECK(check_maps(payload));
  PB_CHECK(check_files(payload));
  PB_CHECK(check_augment(payload, limits).context("augment"));
  if (!payload.checksum_key.empty() && payload.files.size() != 1)
    return refuse("a checksum in the provides needs exactly one file");
  if (!payload.type) {
    if (payload.files.empty() && payload.meta_data.empty()) return Done{};
    return refuse("an empty payload (without type) has neither files nor meta-data");
  }
  if (!is_payload_type(*payload.type, limits))
    return refuse("payload type " + in_quotes(*payload.type) + " is not a name of [A-Za-z0-9_.-]");
  return check_meta_data(payload, limits);
}

/// The signature says nothing about the unsigned part, so that part is not to say anything of
/// weight.
Status check_augmented_artifact(const ArtifactSpec& spec) {
  const PayloadSpec& payload = spec.payloads.front();
  if (!payload.augment) return Done{};
  if (spec.payloads.size() > 1)
    return refuse("an artifact of several payloads cannot be augmented");
  if (spec.signing_keys.empty() || payload.augment->provides.empty()) return Done{};
  return refuse("what a signed artifact provides cannot come from its unsigned part: " +
                in_quotes(payload.augment->provides.begin()->first) +
                " belongs to the provides of the payload");
}

Status check_scripts(const std::vector<Script>& scripts, const Limits& limits) {
  std::set<std::string> names;
  if (scripts.size() > limits.scripts)
    return refuse("more than " + std::to_string(limits.scripts) + " scripts");
  for (const Script& script : scripts) {
    if (!is_script_name(script.name)) {
      return refuse("script name " + in_quotes(script.name) +
                    " is not of the form ArtifactInstall_Enter_00_text");
    }
    if (!names.insert(script.name).second)
      return refuse("script " + in_quotes(script.name) + " is there twice");
    if (script.content.size() > limits.script_bytes)
      return refuse("script " + in_quotes(script.name) + " has more than " +
                    human_size(limits.script_bytes));
  }
  return Done{};
}

/// The text as mender-artifact's encoder writes it: it also escapes what could end a script element
/// of a web page. These characters occur inside strings only.
template <typename AnyJson>
Result<std::string> text_of(const AnyJson& json) {
  std::string plain;
  try {
    plain = json.dump();
  } catch (const typename AnyJson::exception&) {
    return refuse("a name or value is not valid UTF-8");
  }
  std::string text;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    const std::string_view three{plain.data() + i, std::min<std::size_t>(3, plain.size() - i)};
    if (c == '<') {
      text += "\\u003c";
    } else if (c == '>') {
      text += "\\u003e";
    } else if (c == '&') {
      text += "\\u0026";
    } else if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") {
      text += three == "\xe2\x80\xa8" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += c;
    }
  }
  return text;
}

Ordered type_of(const PayloadSpec& payload) {
  return payload.type ? Ordered(*payload.type) : Ordered(nullptr);
}

bool is_rootfs_image(const PayloadSpec& payload) {
  return payload.type == "rootfs-image";
}

Result<std::string> header_info_text(const ArtifactSpec& spec) {
  Ordered json;
  json["payloads"] = Ordered::array();
  for (const auto& payload : spec.payloads)
    json["payloads"].push_back({{"type", type_of(payload)}});
  Ordered& provides = json["artifact_provides"];
  provides["artifact_name"] = spec.name;
  if (spec.group) provides["artifact_group"] = *spec.group;
  Ordered& depends = json["artifact_depends"];
  if (!spec.depends_names.empty()) depends["artifact_name"] = spec.depends_names;
  depends["device_type"] = spec.compatible_types;
  if (!spec.depends_groups.empty()) depends["artifact_group"] = spec.depends_groups;
  return text_of(json);
}

Result<std::string> type_info_text(const PayloadSpec& payload, Habits habits) {
  Ordered json;
  json["type"] = type_of(payload);
  if (habits == Habits::mender && is_rootfs_image(payload)) json["type"] = "";
  for (const auto& [key, values] : payload.depends) {
    // One value is written as a plain string: Mender's client on the device reads nothing else.
    json["artifact_depends"][key] = values.size() == 1 ? Ordered(values.front()) : Ordered(values);
  }
  if (!payload.provides.empty()) json["artifact_provides"] = payload.provides;
  if (payload.clears) json["clears_artifact_provides"] = *payload.clears;
  return text_of(json);
}

/// Empty when there is nothing to say.
Result<std::string> meta_data_text(const PayloadSpec& payload) {
  if (payload.meta_data.empty()) return std::string{};
  const Json json = Json::parse(payload.meta_data, nullptr, false);
  if (json.is_discarded()) return refuse("meta-data is not JSON");
  return json.empty() ? Result<std::string>{std::string{}} : text_of(json);
}

TarMember entry(std::string name, unsigned mode) {
  TarMember made;
  made.name = std::move(name);
  made.mode = mode;
  return made;
}

TarMember script_entry(const ArtifactSpec& spec, const std::string& name) {
  TarMember made = entry("scripts/" + name, 0755);
  const auto found = spec.script_attributes.find(name);
  if (spec.habits == Habits::mender && found != spec.script_attributes.end())
    set_attributes(made, found->second);
  return made;
}

/// headers/NNNN/*
Result<std::string> sub_header_text(const PayloadSpec& payload, std::size_t index, Habits habits) {
  const std::string directory = "headers/" + index_text(index) + "/";
  PB_TRY(const std::string type_info, type_info_text(payload, habits));
  PB_TRY(const std::string meta_data, meta_data_text(payload));
  std::string text = tar_entry_text(entry(directory + "type-info", 0600), type_info);
  const bool write_empty = habits == Habits::mender && is_rootfs_image(payload);
  if (!meta_data.empty() || write_empty)
    text += tar_entry_text(entry(directory + "meta-data", 0600), meta_data);
  return text;
}

}  // namespace

Status check_spec(const ArtifactSpec& spec) {
  const Limits limits;
  PB_CHECK(check_artifact_name("artifact name", spec.name, limits));
  if (spec.group) PB_CHECK(check_artifact_name("artifact group", *spec.group, limits));
  if (spec.compatible_types.empty()) return refuse("no device type is given");
  for (const auto& type : spec.compatible_types)
    PB_CHECK(check_artifact_name("device type", type, limits));
  for (const auto& name : spec.depends_names)
    PB_CHECK(check_artifact_name("depends on artifact name", name, limits));
  for (const auto& group : spec.depends_groups)
    PB_CHECK(check_artifact_name("depends on artifact group", group, limits));
  if (spec.payloads.empty() || spec.payloads.size() > limits.payloads)
    return refuse("there must be 1 to " + std::to_string(limits.payloads) + " payloads");
  for (std::size_t i = 0; i < spec.payloads.size(); ++i)
    PB_CHECK(check_payload(spec.payloads[i], limits).context("payload " + std::to_string(i)));
  PB_CHECK(check_augmented_artifact(spec));

  const bool any_empty = std::any_of(spec.payloads.begin(), spec.payloads.end(),
                                     [](const PayloadSpec& payload) { return !payload.type; });
  if (any_empty && (spec.payloads.size() > 1 || !spec.scripts.empty()))
    return refuse("an empty payload stands alone, without scripts");
  return check_scripts(spec.scripts, limits);
}

Result<std::string> header_tar_text(const ArtifactSpec& spec) {
  PB_TRY(const std::string info, header_info_text(spec));
  std::string tar = tar_entry_text(entry("header-info", 0600), info);
  std::map<std::string_view, std::string_view> scripts;
  for (const Script& script : spec.scripts)
    scripts.emplace(script.name, script.content);
  for (const auto& [name, content] : scripts)
    tar += tar_entry_text(script_entry(spec, std::string{name}), content);
  for (std::size_t i = 0; i < spec.payloads.size(); ++i) {
    PB_TRY(const std::string text, sub_header_text(spec.payloads[i], i, spec.habits));
    tar += text;
  }
  return tar + std::string(kTarEndBytes, '\0');
}

Result<std::string> header_augment_tar_text(const ArtifactSpec& spec) {
  PB_TRY(const std::string info, header_info_text(spec));
  PB_TRY(const std::string text,
         sub_header_text(augment_of(spec.payloads.front()), 0, Habits::own));
  return tar_entry_text(entry("header-info", 0600), info) + text + std::string(kTarEndBytes, '\0');
}

}  // namespace patchbay::artifact
