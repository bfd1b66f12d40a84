#include "core/app/config/merge.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/app/config/schema.hpp"
#include "core/app/config/spelling.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::app {
namespace {

constexpr std::size_t kCloseSpelling = 2;  // letters apart

/// A member of the file under its full name.
struct Entry {
  const Key* key = nullptr;  // none: not known
  std::string name;          // as written, with its section
  std::string place;         // FILE:LINE
  const Value* value = nullptr;
};

Error wrong(const Entry& entry, const std::string& what) {
  return {ErrorCode::invalid_input, entry.place + ": " + printable(entry.name) + ": " + what};
}

Error wrong_kind(const Entry& entry, const Value& value, std::string_view want) {
  std::string have{describe(value.kind)};
  if (value.kind == Value::Kind::string || value.kind == Value::Kind::number ||
      value.kind == Value::Kind::boolean)
    have += " (" + printable(value.text, 60) + ")";
  return wrong(entry, "want " + std::string{want} + ", have " + have);
}

Result<std::string> text_of(const Entry& entry, const Value& value) {
  if (value.kind != Value::Kind::string) return wrong_kind(entry, value, "a string");
  if (value.text.find('\0') != std::string::npos) return wrong(entry, "holds a NUL character");
  return value.text;
}

Result<std::vector<std::string>> list_of(const Entry& entry) {
  if (entry.value->kind != Value::Kind::list)
    return wrong_kind(entry, *entry.value, "a list of strings");
  std::vector<std::string> list;
  for (const Value& item : entry.value->items) {
    PB_TRY(std::string text, text_of(entry, item));
    if (text.empty()) return wrong(entry, "an item of the list is empty");
    list.push_back(std::move(text));
  }
  return list;
}

Result<long> number_of(const Entry& entry) {
  const Value& value = *entry.value;
  if (value.kind != Value::Kind::number) return wrong_kind(entry, value, "a whole number");
  long number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, number);
  if (stop != end && error == std::errc{}) return wrong_kind(entry, value, "a whole number");
  if (error != std::errc{} || number < entry.key->least || number > entry.key->most) {
    return wrong(entry, "want " + std::to_string(entry.key->least) + " to " +
                            std::to_string(entry.key->most) + ", have " +
                            printable(value.text, 60));
  }
  return number;
}

/// Stores the value of an entry; one overload for each kind of field.
struct Storer {
  const Entry& entry;
  Config& config;

  Status operator()(std::string Config::*field) const {
    PB_TRY(config.*field, text_of(entry, *entry.value));
    return Done{};
  }
  Status operator()(bool Config::*field) const {
    if (entry.value->kind != Value::Kind::boolean)
      return wrong_kind(entry, *entry.value, "true or false");
    config.*field = entry.value->text == "true";
    return Done{};
  }
  Status operator()(int Config::*field) const {
    PB_TRY(const long number, number_of(entry));
    config.*field = static_cast<int>(number);
    return Done{};
  }
  Status operator()(std::chrono::seconds Config::*field) const {
    PB_TRY(const long number, number_of(entry));
    // Mender has always read 0 as "not set", and a time limit of nothing makes no sense.
    config.*field = number == 0 ? Config{}.*field : std::chrono::seconds{number};
    return Done{};
  }
  Status operator()(std::vector<std::string> Config::*field) const {
    PB_TRY(config.*field, list_of(entry));
    if (field == &Config::artifact_verify_keys && config.artifact_verify_keys.empty()) {
      return wrong(entry,
                   "the list is empty, which would let every artifact in; name a key, or remove "
                   "the key from the file to accept unsigned artifacts");
    }
    return Done{};
  }
  Status operator()(Special special) const {
    switch (special) {
      case Special::server_url:
        return server_url();
      case Special::servers:
        return servers();
      case Special::verify_key:
        return verify_key();
      case Special::log_level:
        return log_level();
      case Special::device_tier:
        break;
    }
    return device_tier();
  }

  [[nodiscard]] Status server_url() const {
    PB_TRY(const std::string url, text_of(entry, *entry.value));
    if (!url.empty()) config.servers = {url};
    return Done{};
  }
  [[nodiscard]] Status servers() const {
    if (entry.value->kind != Value::Kind::list)
      return wrong_kind(entry, *entry.value, "a list of objects with ServerURL");
    std::vector<std::string> urls;
    for (const Value& item : entry.value->items) {
      if (item.kind != Value::Kind::object || item.members.size() != 1 ||
          !equal_ignoring_case(item.members[0].key, "ServerURL"))
        return wrong(entry, "want objects with the one key ServerURL");
      PB_TRY(std::string url, text_of(entry, item.members[0].value));
      const bool there = std::find(urls.begin(), urls.end(), url) != urls.end();
      if (!url.empty() && !there) urls.push_back(std::move(url));
    }
    config.servers = std::move(urls);
    return Done{};
  }
  [[nodiscard]] Status verify_key() const {
    PB_TRY(const std::string path, text_of(entry, *entry.value));
    if (path.empty()) {
      return wrong(entry,
                   "it is empty; name a key, or remove the key from the file to accept "
                   "unsigned artifacts");
    }
    config.artifact_verify_keys = {path};
    return Done{};
  }
  [[nodiscard]] Status log_level() const {
    PB_TRY(const std::string text, text_of(entry, *entry.value));
    static constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
        {"trace", LogLevel::trace},     {"debug", LogLevel::debug}, {"info", LogLevel::info},
        {"warning", LogLevel::warning}, {"error", LogLevel::error}, {"fatal", LogLevel::error},
        {"panic", LogLevel::error}};
    for (const auto& [name, level] : kLevels)
      if (equal_ignoring_case(name, text)) config.daemon_log_level = level;
    const bool known = std::any_of(std::begin(kLevels), std::end(kLevels), [&](const auto& level) {
      return equal_ignoring_case(level.first, text);
    });
    if (known) return Done{};
    return wrong(entry, "want trace, debug, info, warning, error or fatal, have \"" +
                            printable(text, 60) + "\"");
  }
  [[nodiscard]] Status device_tier() const {
    PB_TRY(config.device_tier, text_of(entry, *entry.value));
    const std::string& tier = config.device_tier;
    if (tier == "standard" || tier == "system" || tier == "micro") return Done{};
    return wrong(entry, "want standard, system or micro, have \"" + printable(tier, 60) + "\"");
  }
};

const Key* find_key(std::string_view name) {
  for (const Key& key : known_keys())
    if (equal_ignoring_case(key.name, name)) return &key;
  return nullptr;
}

/// Keys of sections that are no sections here are found one level down.
void collect(const Value& object, const std::string& file, const std::string& prefix,
             std::vector<Entry>& entries) {
  for (const auto& member : object.members) {
    const bool section =
        prefix.empty() && std::any_of(sections().begin(), sections().end(), [&](auto name) {
          return equal_ignoring_case(name, member.key);
        });
    if (section && member.value.kind == Value::Kind::object) {
      collect(member.value, file, member.key + ".", entries);
      continue;
    }
    Entry entry;
    entry.name = prefix + member.key;
    entry.key = find_key(entry.name);
    entry.place = file + ":" + std::to_string(member.line);
    entry.value = &member.value;
    entries.push_back(std::move(entry));
  }
}

bool is_section(std::string_view name) {
  return std::any_of(sections().begin(), sections().end(),
                     [&](auto section) { return equal_ignoring_case(section, name); });
}

const Key& nearest_key(const std::string& name) {
  const auto keys = known_keys();
  return *std::min_element(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return edit_distance(a.name, name) < edit_distance(b.name, name);
  });
}

Status note_unknown(const Entry& entry, Config& config) {
  if (is_section(entry.name)) return wrong_kind(entry, *entry.value, "an object");
  const std::string name = printable(entry.name, 80);
  for (const auto retired : retired_keys()) {
    if (!equal_ignoring_case(retired, entry.name)) continue;
    config.warnings.push_back(entry.place + ": " + name + " has no effect any more");
    return Done{};
  }
  const Key& nearest = nearest_key(entry.name.substr(0, 80));
  const auto distance = edit_distance(nearest.name, entry.name.substr(0, 80));
  const bool close = distance <= std::max<std::size_t>(kCloseSpelling, nearest.name.size() / 4);
  // A verification key that is misspelt or in the wrong place must not mean "no key is wanted".
  const std::string_view word = std::string_view{entry.name}.substr(entry.name.rfind('.') + 1);
  constexpr std::string_view kOne = "ArtifactVerifyKey";
  constexpr std::string_view kSeveral = "ArtifactVerifyKeys";
  const auto from_one = edit_distance(kOne, word.substr(0, 80));
  const auto from_several = edit_distance(kSeveral, word.substr(0, 80));
  if (std::min(from_one, from_several) <= kCloseSpelling) {
    const std::string_view wanted = from_one < from_several ? kOne : kSeveral;
    const bool inside = word.size() != entry.name.size();
    return wrong(entry, "unknown key; is " + std::string{wanted} +
                            (inside ? " at the top level" : "") + " meant?");
  }
  config.warnings.push_back(entry.place + ": unknown key " + name +
                            (close ? "; is " + std::string{nearest.name} + " meant?" : ""));
  return Done{};
}

/// Two keys that mean one thing: whichever won would surprise somebody.
Status check_contradiction(const Config& config, const std::string& one, const std::string& many) {
  const auto first = config.origins.find(one);
  const auto second = config.origins.find(many);
  if (first == config.origins.end() || second == config.origins.end()) return Done{};
  return Error{ErrorCode::invalid_input, second->second + ": " + many + " and " + one + " (" +
                                             first->second + ") are both given; remove one"};
}

}  // namespace

Status merge(const Value& document, const std::string& file, Config& config) {
  if (document.kind != Value::Kind::object) {
    return Error{ErrorCode::invalid_input, file + ": want an object of keys and values, have " +
                                               std::string{describe(document.kind)}};
  }
  std::vector<Entry> entries;
  collect(document, file, "", entries);
  std::set<const Key*> seen;
  for (const Entry& entry : entries) {
    if (entry.key == nullptr) {
      PB_CHECK(note_unknown(entry, config));
      continue;
    }
    if (!seen.insert(entry.key).second) return wrong(entry, "the key is in the file twice");
    PB_CHECK(std::visit(Storer{entry, config}, entry.key->field));
    const bool empty_url =
        entry.key->name == "ServerURL" && entry.value->text.empty();  // Mender's "not set"
    if (!empty_url) config.origins[std::string{entry.key->name}] = entry.place;
  }
  PB_CHECK(check_contradiction(config, "ServerURL", "Servers"));
  return check_contradiction(config, "ArtifactVerifyKey", "ArtifactVerifyKeys");
}

}  // namespace patchbay::app
