#include <algorithm>

#include "core/os/file.hpp"
#include "sdk/artifact/modifications.hpp"
#include "sdk/artifact/option_values.hpp"
#include "sdk/artifact/piece_sums.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLargestFile = 8 * kMiB;

Error refuse(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

Status add_scripts(const std::vector<std::string>& paths, std::vector<artifact::Script>& scripts) {
  for (const std::string& path : paths) {
    PB_TRY(const auto files, script_files("--script", path));
    for (const std::string& file : files) {
      artifact::Script script{file.substr(file.rfind('/') + 1), {}};
      PB_TRY(script.content, os::read_file(file, kLargestFile).context("--script"));
      std::erase_if(scripts, [&](const auto& other) { return other.name == script.name; });
      scripts.push_back(std::move(script));
    }
  }
  return Done{};
}

Status delete_scripts(const std::vector<std::string>& names,
                      std::vector<artifact::Script>& scripts) {
  for (const std::string& name : names) {
    const auto same = [&](const artifact::Script& script) { return script.name == name; };
    if (std::erase_if(scripts, same) == 0)
      return refuse("--delete-script \"" + name + "\": the artifact has no such script");
  }
  return Done{};
}

template <typename Map>
Status delete_keys(const char* option, const std::vector<std::string>& keys, Map& map) {
  for (const std::string& key : keys) {
    if (map.erase(key) == 0)
      return refuse(std::string{option} + " \"" + key + "\": the payload has no such key");
  }
  return Done{};
}

Status apply_provides(const HeaderModifications& wanted, Face face,
                      artifact::PayloadSpec& payload) {
  PB_TRY(const auto provides, key_values("--provides", wanted.provides));
  PB_TRY(const auto depends, key_values("--depends", wanted.depends));
  if (face == Face::mender && !provides.empty()) payload.provides.clear();
  if (face == Face::mender && !depends.empty()) payload.depends.clear();
  PB_CHECK(delete_keys("--delete-provides", wanted.deleted_provides, payload.provides));
  PB_CHECK(delete_keys("--delete-depends", wanted.deleted_depends, payload.depends));
  for (const auto& [key, value] : provides)
    payload.provides[key] = value;
  for (const auto& [key, value] : depends)
    payload.depends[key] = {value};
  return Done{};
}

Status apply_clears(const HeaderModifications& wanted, artifact::PayloadSpec& payload) {
  if (wanted.clears.empty() && wanted.deleted_clears.empty()) return Done{};
  std::vector<std::string> clears = payload.clears.value_or(std::vector<std::string>{});
  for (const std::string& pattern : wanted.deleted_clears) {
    if (std::erase(clears, pattern) == 0)
      return refuse("--delete-clears-provides \"" + pattern +
                    "\": the payload has no such pattern");
  }
  clears.insert(clears.end(), wanted.clears.begin(), wanted.clears.end());
  payload.clears = std::move(clears);
  return Done{};
}

/// Sums of the pieces of the file are not of the person's making: they stay.
Status apply_meta_data(const HeaderModifications& wanted, artifact::PayloadSpec& payload) {
  if (wanted.meta_data.empty()) return Done{};
  const auto pieces = piece_sums_in(payload.meta_data);
  PB_TRY(payload.meta_data, read_meta_data("--meta-data", wanted.meta_data));
  if (!pieces || !*pieces) return Done{};
  const auto given = piece_sums_in(payload.meta_data);
  if (has_pieces_key(payload.meta_data) && (!given || *given != *pieces))
    return refuse("--meta-data \"" + wanted.meta_data +
                  "\": \"pieces\" is made from the payload file; leave it out");
  payload.meta_data = with_piece_sums(payload.meta_data, **pieces);
  return Done{};
}

Status apply_to_payload(const HeaderModifications& wanted, Face face,
                        artifact::ArtifactSpec& spec) {
  if (!wanted.any_of_payload()) return Done{};
  if (!wanted.payload && spec.payloads.size() > 1)
    return refuse("the artifact has " + std::to_string(spec.payloads.size()) +
                  " payloads; say which one: --payload INDEX");
  const std::size_t index = wanted.payload.value_or(0);
  if (index >= spec.payloads.size()) {
    return refuse("--payload " + std::to_string(index) + ": the artifact has " +
                  std::to_string(spec.payloads.size()));
  }
  artifact::PayloadSpec& payload = spec.payloads[index];
  PB_CHECK(apply_provides(wanted, face, payload));
  PB_CHECK(apply_clears(wanted, payload));
  return apply_meta_data(wanted, payload);
}

Status check(const HeaderModifications& wanted) {
  if (wanted.name) PB_CHECK(check_names("--artifact-name", {*wanted.name}));
  if (wanted.group) PB_CHECK(check_names("--provides-group", {*wanted.group}));
  PB_CHECK(check_names("--compatible-types", wanted.compatible_types));
  PB_CHECK(check_names("--artifact-name-depends", wanted.depends_names));
  PB_CHECK(check_names("--depends-groups", wanted.depends_groups));
  return check_texts("--clears-provides", wanted.clears);
}

void replace(std::vector<std::string>& list, const std::vector<std::string>& wanted) {
  if (!wanted.empty()) list = wanted;
}

}  // namespace

bool HeaderModifications::any_of_payload() const {
  return !provides.empty() || !depends.empty() || !deleted_provides.empty() ||
         !deleted_depends.empty() || !clears.empty() || !deleted_clears.empty() ||
         !meta_data.empty();
}

bool HeaderModifications::any() const {
  return any_of_payload() || name || group || !compatible_types.empty() || !depends_names.empty() ||
         !depends_groups.empty() || !scripts.empty() || !deleted_scripts.empty();
}

Status apply(const HeaderModifications& wanted, Face face, artifact::ArtifactSpec& spec) {
  PB_CHECK(check(wanted));
  if (wanted.name) spec.name = *wanted.name;
  if (wanted.group) spec.group = *wanted.group;
  replace(spec.compatible_types, wanted.compatible_types);
  replace(spec.depends_names, wanted.depends_names);
  replace(spec.depends_groups, wanted.depends_groups);
  PB_CHECK(delete_scripts(wanted.deleted_scripts, spec.scripts));
  PB_CHECK(add_scripts(wanted.scripts, spec.scripts));
  return apply_to_payload(wanted, face, spec);
}

}  // namespace patchbay::artifact_tool
