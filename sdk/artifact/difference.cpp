#include "sdk/artifact/difference.hpp"

#include <algorithm>

#include "core/artifact/sha256.hpp"
#include "sdk/artifact/piece_sums.hpp"

namespace patchbay::artifact_tool {
namespace {

using artifact::Contents;
using artifact::Header;
using artifact::PayloadHeader;
using Map = std::map<std::string, std::string>;

std::vector<Difference> compare(const Map& before, const Map& after) {
  std::vector<Difference> differences;
  for (const auto& [key, value] : before) {
    const auto found = after.find(key);
    if (found == after.end()) {
      differences.push_back({key, value, std::nullopt});
    } else if (found->second != value) {
      differences.push_back({key, value, found->second});
    }
  }
  for (const auto& [key, value] : after)
    if (!before.contains(key)) differences.push_back({key, std::nullopt, value});
  return differences;
}

std::optional<std::string> text_of(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

/// What differs may be one sum of very many.
std::vector<Difference> compare_meta_data(const std::string& before, const std::string& after) {
  if (before == after) return {};
  return {{"", text_of(with_piece_sums_counted(before)), text_of(with_piece_sums_counted(after))}};
}

std::vector<Difference> compare(const std::optional<std::string>& before,
                                const std::optional<std::string>& after) {
  if (before == after) return {};
  return {{"", before, after}};
}

/// Lists whose order means nothing.
std::vector<Difference> compare(const std::vector<std::string>& before,
                                const std::vector<std::string>& after) {
  Map first, second;
  for (const std::string& value : before)
    first[value];
  for (const std::string& value : after)
    second[value];
  return compare(first, second);
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values)
    text += (text.empty() ? "" : " or ") + value;
  return text;
}

Map flat(const std::map<std::string, std::vector<std::string>>& depends) {
  Map map;
  for (const auto& [key, values] : depends)
    map[key] = joined(values);
  return map;
}

std::string sum_text(const std::string& text) {
  const auto digest = artifact::sha256(as_bytes(text));
  return digest ? to_hex(*digest) : text;
}

Map scripts(const Header& header) {
  Map map;
  for (const artifact::Script& script : header.scripts)
    map[script.name] = "sha256 " + sum_text(script.content);
  return map;
}

Map files(const Contents& contents, std::size_t payload) {
  Map map;
  for (const artifact::PayloadFile& file : contents.files) {
    if (file.payload == payload)
      map[file.name] = std::to_string(file.size) + " bytes, sha256 " + file.sha256;
  }
  return map;
}

/// Everything, where there is no list.
std::vector<std::string> clears(const PayloadHeader& payload) {
  return payload.clears.value_or(std::vector<std::string>{"*"});
}

std::optional<std::string> type_of(const PayloadHeader& payload) {
  return payload.type ? payload.type : std::optional<std::string>{"empty"};
}

PayloadDifference compare_payloads(const Contents& before, const Contents& after,
                                   std::size_t index) {
  const PayloadHeader none;
  const auto& first = before.header.payloads;
  const auto& second = after.header.payloads;
  const PayloadHeader& old = index < first.size() ? first[index] : none;
  const PayloadHeader& fresh = index < second.size() ? second[index] : none;
  PayloadDifference difference;
  difference.index = index;
  difference.type = compare(index < first.size() ? type_of(old) : std::nullopt,
                            index < second.size() ? type_of(fresh) : std::nullopt);
  difference.provides = compare(old.provides, fresh.provides);
  difference.depends = compare(flat(old.depends), flat(fresh.depends));
  difference.clears = compare(index < first.size() ? clears(old) : std::vector<std::string>{},
                              index < second.size() ? clears(fresh) : std::vector<std::string>{});
  difference.meta_data = compare_meta_data(old.meta_data, fresh.meta_data);
  difference.files = compare(files(before, index), files(after, index));
  return difference;
}

bool any(const PayloadDifference& payload) {
  return !payload.type.empty() || !payload.provides.empty() || !payload.depends.empty() ||
         !payload.clears.empty() || !payload.meta_data.empty() || !payload.files.empty();
}

/// What a device provides when `header` is installed upon `provides`.
Map installed_upon(const Map& provides, const Header& header) {
  Map result = provides;
  for (const PayloadHeader& payload : header.payloads) {
    for (const std::string& pattern : clears(payload))
      std::erase_if(result, [&](const auto& entry) {
        return entry.first != "artifact_name" && pattern_matches(pattern, entry.first);
      });
  }
  for (const PayloadHeader& payload : header.payloads)
    for (const auto& [key, value] : payload.provides)
      result[key] = value;
  result["artifact_name"] = header.name;
  if (header.group) result["artifact_group"] = *header.group;
  return result;
}

std::vector<std::string> unmet_depends(const Map& provides, const Header& header) {
  std::vector<std::string> unmet;
  const auto check = [&](const std::string& key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    const auto found = provides.find(key);
    const bool met = found != provides.end() &&
                     std::find(values.begin(), values.end(), found->second) != values.end();
    if (met) return;
    unmet.push_back(key + ": wants " + joined(values) + ", has " +
                    (found == provides.end() ? "nothing" : found->second));
  };
  check("artifact_name", header.depends_names);
  check("artifact_group", header.depends_groups);
  for (const PayloadHeader& payload : header.payloads)
    for (const auto& [key, values] : payload.depends)
      check(key, values);
  return unmet;
}

}  // namespace

/// The last star takes as little as possible; when what follows it does not match, one more.
bool pattern_matches(std::string_view pattern, std::string_view key) {
  std::size_t at = 0, in_key = 0;
  std::size_t star = std::string_view::npos, taken = 0;
  while (in_key < key.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = in_key;
    } else if (at < pattern.size() && pattern[at] == key[in_key]) {
      ++at;
      ++in_key;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_key = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

bool ArtifactDifference::any() const {
  return !name.empty() || !group.empty() || !compatible_types.empty() || !depends_names.empty() ||
         !depends_groups.empty() || !scripts.empty() || !payloads.empty();
}

ArtifactDifference compare(const Contents& before, const Contents& after) {
  ArtifactDifference difference;
  const Header& old = before.header;
  const Header& fresh = after.header;
  difference.name = compare(std::optional{old.name}, std::optional{fresh.name});
  difference.group = compare(old.group, fresh.group);
  difference.compatible_types = compare(old.compatible_types, fresh.compatible_types);
  difference.depends_names = compare(old.depends_names, fresh.depends_names);
  difference.depends_groups = compare(old.depends_groups, fresh.depends_groups);
  difference.scripts = compare(scripts(old), scripts(fresh));
  for (std::size_t i = 0; i < std::max(old.payloads.size(), fresh.payloads.size()); ++i) {
    auto payload = compare_payloads(before, after, i);
    if (any(payload)) difference.payloads.push_back(std::move(payload));
  }
  const Map device = installed_upon({}, old);
  difference.device_provides = compare(device, installed_upon(device, fresh));
  difference.unmet = unmet_depends(device, fresh);
  return difference;
}

}  // namespace patchbay::artifact_tool
