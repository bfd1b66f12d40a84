#include "core/store/provides.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace patchbay::store {
namespace {

constexpr std::string_view kNameProvide = "artifact_name";
constexpr std::string_view kGroupProvide = "artifact_group";

using Json = nlohmann::json;

Result<Provides> parse_provides(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return Error{ErrorCode::invalid_input, json.is_discarded() ? "not JSON" : "not a JSON object"};
  Provides provides;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string())
      return Error{ErrorCode::invalid_input, "value of \"" + key + "\" is not a string"};
    provides.emplace(key, value.get_ref<const std::string&>());
  }
  return provides;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string listed(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values)
    text += (text.empty() ? "\"" : ", \"") + value + "\"";
  return text;
}

std::string mismatch(const std::string& key, const std::vector<std::string>& wanted,
                     const std::string& reality) {
  return "the artifact depends on " + key + " being " + listed(wanted) + ", but " + reality;
}

}  // namespace

Result<Installed> read_installed(const Store& store, std::string_view fallback_name) {
  Installed installed;
  PB_TRY(auto name, store.read(kArtifactName));
  installed.name = name && !name->empty() ? std::move(*name) : std::string{fallback_name};
  PB_TRY(auto group, store.read(kArtifactGroup));
  if (group && !group->empty()) installed.group = std::move(group);
  PB_TRY(const auto provides, store.read(kArtifactProvides));
  if (provides && !provides->empty()) {
    PB_TRY(installed.provides,
           parse_provides(*provides).context("the store's record of " +
                                             std::string{kArtifactProvides} + " is broken"));
  }
  installed.provides.erase(std::string{kNameProvide});
  installed.provides.erase(std::string{kGroupProvide});
  return installed;
}

Provides all_provides(const Installed& installed) {
  Provides all = installed.provides;
  all.insert_or_assign(std::string{kNameProvide}, installed.name);
  if (installed.group) all.insert_or_assign(std::string{kGroupProvide}, *installed.group);
  return all;
}

bool matches(std::string_view pattern, std::string_view key) {
  const auto first_star = pattern.find('*');
  if (first_star == std::string_view::npos) return pattern == key;
  const auto last_star = pattern.rfind('*');
  const auto head = pattern.substr(0, first_star);
  const auto tail = pattern.substr(last_star + 1);
  if (key.size() < head.size() + tail.size()) return false;
  if (key.substr(0, head.size()) != head || !ends_with(key, tail)) return false;

  // Between the outer stars each piece is taken where it comes first: whatever a later place would
  // leave for the pieces behind it, the first place leaves too. Hence no going back.
  auto rest = key.substr(head.size(), key.size() - head.size() - tail.size());
  auto pieces = pattern.substr(first_star, last_star - first_star);
  while (!pieces.empty()) {
    pieces.remove_prefix(1);  // its star
    const auto piece = pieces.substr(0, pieces.find('*'));
    const auto at = rest.find(piece);
    if (at == std::string_view::npos) return false;
    rest.remove_prefix(at + piece.size());
    pieces.remove_prefix(piece.size());
  }
  return true;
}

ProvidesChange merge(const std::vector<ProvidesChange>& changes) {
  ProvidesChange merged{{}, std::vector<std::string>{}};
  for (const auto& change : changes) {
    for (const auto& [key, value] : change.provides)
      merged.provides.insert_or_assign(key, value);
    if (!change.clears) merged.clears.reset();
    if (change.clears && merged.clears)
      merged.clears->insert(merged.clears->end(), change.clears->begin(), change.clears->end());
  }
  return merged;
}

Installed apply(Installed installed, const std::string& name,
                const std::optional<std::string>& group,
                const std::vector<ProvidesChange>& changes) {
  const ProvidesChange change = merge(changes);
  const auto cleared = [&](std::string_view key) {
    if (!change.clears) return true;
    for (const auto& pattern : *change.clears)
      if (matches(pattern, key)) return true;
    return false;
  };
  std::erase_if(installed.provides, [&](const auto& entry) { return cleared(entry.first); });
  if (cleared(kGroupProvide)) installed.group.reset();
  for (const auto& [key, value] : change.provides)
    installed.provides.insert_or_assign(key, value);
  // The header's name and group win over a type-info that claims to provide them.
  installed.provides.erase(std::string{kNameProvide});
  installed.provides.erase(std::string{kGroupProvide});
  installed.name = name;
  if (group && !group->empty()) installed.group = group;
  return installed;
}

void record(const Installed& installed, Transaction& transaction) {
  transaction.put(kArtifactName, installed.name);
  if (installed.group) {
    transaction.put(kArtifactGroup, *installed.group);
  } else {
    transaction.erase(kArtifactGroup);
  }
  if (installed.provides.empty()) {
    transaction.erase(kArtifactProvides);
    return;
  }
  transaction.put(kArtifactProvides,
                  Json(installed.provides).dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<std::string> unmet(const std::map<std::string, std::vector<std::string>>& depends,
                                 const Provides& provides) {
  for (const auto& [key, wanted] : depends) {
    const auto found = provides.find(key);
    if (found == provides.end()) return mismatch(key, wanted, "this device provides no " + key);
    if (std::find(wanted.begin(), wanted.end(), found->second) == wanted.end()) {
      return mismatch(key, wanted, "on this device it is \"" + found->second + "\"");
    }
  }
  return std::nullopt;
}

}  // namespace patchbay::store
