#include "modules/bootloader/settings.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;
using Kind = AreaSettings::Kind;
using Select = AreaSettings::Select;

/// An object of the file whose every key has to be asked for.
class Object {
 public:
  static Result<Object> of(const json& value, std::string where) {
    if (!value.is_object()) return Error{where + " has to be an object"};
    return Object{value, std::move(where)};
  }

  [[nodiscard]] bool has(const char* key) const { return value_->contains(key); }
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] std::string place(const char* key) const { return where_ + ": " + key; }
  [[nodiscard]] Result<Object> object(const char* key) const {
    if (!has(key)) return Error{where_ + " lacks the key " + key};
    return of((*value_)[key], place(key));
  }
  [[nodiscard]] const json& operator[](const char* key) const { return (*value_)[key]; }

  /// Empty when it is missing.
  [[nodiscard]] Result<std::string> text(const char* key) const {
    if (!has(key)) return std::string{};
    if (!(*value_)[key].is_string()) return Error{place(key) + " has to be a text"};
    return (*value_)[key].get<std::string>();
  }
  [[nodiscard]] Result<std::string> needed_text(const char* key) const {
    PATCHBAY_TRY(auto found, text(key));
    if (found.empty()) return Error{where_ + " lacks the key " + key};
    return found;
  }
  [[nodiscard]] Result<std::string> path(const char* key) const {
    PATCHBAY_TRY(auto found, text(key));
    if (found.empty()) return found;
    return module::normalise_path(found, place(key));
  }
  [[nodiscard]] Result<std::optional<std::uint64_t>> number(const char* key) const {
    if (!has(key)) return std::optional<std::uint64_t>{};
    if (!(*value_)[key].is_number_unsigned())
      return Error{place(key) + " is " + (*value_)[key].dump().substr(0, 40) +
                   "; it has to be a whole number of bytes, 0 or more"};
    return std::optional{(*value_)[key].get<std::uint64_t>()};
  }

  /// An error for a key that is none of these.
  [[nodiscard]] Status only(std::initializer_list<const char*> known) const {
    for (const auto& [key, value] : value_->items()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        return Error{where_ + ": there is no key '" + key + "'"};
    }
    return Done{};
  }

 private:
  Object(const json& value, std::string where) : value_{&value}, where_{std::move(where)} {}
  const json* value_;
  std::string where_;
};

/// "0aff" -> two bytes.
Result<std::string> unhex(const std::string& text, const std::string& where) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    const auto high = kDigits.find(text[at]);
    const auto low = kDigits.find(text[at + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) break;
    bytes += static_cast<char>(high * 16 + low);
  }
  if (text.empty() || bytes.size() * 2 != text.size())
    return Error{where + " is '" + text + "'; it has to be bytes in lower-case hex, such as 4d5a"};
  return bytes;
}

template <typename Value, std::size_t Count>
Result<Value> one_of(const std::string& text, const std::string& where,
                     const std::array<std::pair<const char*, Value>, Count>& known) {
  std::string names;
  for (const auto& [name, value] : known) {
    if (text == name) return value;
    names += (names.empty() ? "" : ", ") + std::string{name};
  }
  return Error{where + " is '" + text + "'; it can be " + names};
}

constexpr std::array kKinds{std::pair{"raw", Kind::raw}, std::pair{"emmc", Kind::emmc},
                            std::pair{"mtd", Kind::mtd}, std::pair{"file", Kind::file}};
constexpr std::array kSelects{
    std::pair{"order", Select::order}, std::pair{"partition-config", Select::partition_config},
    std::pair{"variable", Select::variable}, std::pair{"bytes", Select::bytes},
    std::pair{"command", Select::command}};

Result<AreaSettings::Copy> copy_of(const json& value, const std::string& where) {
  PATCHBAY_TRY(const auto object, Object::of(value, where));
  PATCHBAY_CHECK(object.only({"Device", "Offset", "Size"}));
  AreaSettings::Copy copy;
  PATCHBAY_TRY(copy.device, object.needed_text("Device"));
  PATCHBAY_TRY(const auto offset, object.number("Offset"));
  PATCHBAY_TRY(copy.size, object.number("Size"));
  copy.offset = offset.value_or(0);
  if (copy.size && (*copy.size == 0 || *copy.size > kLargestArea))
    return Error{where + ": Size is " + std::to_string(*copy.size) + "; it has to be 1 to " +
                 std::to_string(kLargestArea)};
  return copy;
}

Status take_copies(AreaSettings& area, const Object& object) {
  if (!object.has("Copies") && area.kind == Kind::emmc) {
    area.copies = {{area.device + "boot0"}, {area.device + "boot1"}};
    return Done{};
  }
  if (!object.has("Copies")) return Error{object.where() + " lacks the key Copies"};
  const auto& list = object["Copies"];
  if (!list.is_array() || list.empty() || list.size() > 2)
    return Error{object.place("Copies") + " has to be a list of one or two places"};
  for (std::size_t i = 0; i < list.size(); ++i) {
    PATCHBAY_TRY(auto copy, copy_of(list[i], object.place("Copies") + " " + (i == 0 ? "A" : "B")));
    if (area.kind == Kind::raw && !copy.size)
      return Error{object.place("Copies") +
                   ": Size is missing: how much room a boot loader has "
                   "on a disk is nowhere else to be seen"};
    area.copies.push_back(std::move(copy));
  }
  return Done{};
}

Status take_values(AreaSettings& area, const Object& select) {
  PATCHBAY_TRY(area.value_a, select.needed_text("A"));
  PATCHBAY_TRY(area.value_b, select.needed_text("B"));
  if (area.value_a == area.value_b) return Error{select.where() + ": A and B are the same"};
  return Done{};
}

Status take_bytes(AreaSettings& area, const Object& select) {
  PATCHBAY_CHECK(select.only({"By", "Device", "Offset", "A", "B"}));
  PATCHBAY_CHECK(take_values(area, select));
  PATCHBAY_TRY(area.value_a, unhex(area.value_a, select.place("A")));
  PATCHBAY_TRY(area.value_b, unhex(area.value_b, select.place("B")));
  if (area.value_a.size() != area.value_b.size())
    return Error{select.where() + ": A and B have to have the same length"};
  PATCHBAY_TRY(area.selector.device, select.needed_text("Device"));
  PATCHBAY_TRY(const auto offset, select.number("Offset"));
  area.selector.offset = offset.value_or(0);
  return Done{};
}

Status take_variable(AreaSettings& area, const Object& select) {
  PATCHBAY_CHECK(select.only({"By", "Name", "A", "B", "Trial", "Counter", "FwEnvConfig"}));
  PATCHBAY_TRY(area.variable, select.needed_text("Name"));
  PATCHBAY_CHECK(take_values(area, select));
  PATCHBAY_TRY(area.trial_variable, select.text("Trial"));
  PATCHBAY_TRY(area.counter, select.text("Counter"));
  if (!area.counter.empty() && area.trial_variable.empty())
    return Error{select.where() + ": a Counter needs a Trial, whose starts it counts"};
  const auto& trial = area.trial_variable;
  if (trial == area.variable || (!area.counter.empty() && area.counter == trial) ||
      area.counter == area.variable)
    return Error{select.where() + ": Name, Trial and Counter have to be different variables"};
  PATCHBAY_TRY(area.fw_env_config, select.path("FwEnvConfig"));
  return Done{};
}

Status take_command(AreaSettings& area, const Object& select) {
  PATCHBAY_CHECK(select.only({"By", "Command"}));
  PATCHBAY_TRY(area.command, select.path("Command"));
  if (area.command.empty()) return Error{select.where() + " lacks the key Command"};
  return Done{};
}

Status take_selector(AreaSettings& area, const Object& select) {
  PATCHBAY_TRY(const auto by, select.needed_text("By"));
  PATCHBAY_TRY(area.select, one_of(by, select.place("By"), kSelects));
  switch (area.select) {
    case Select::bytes:
      return take_bytes(area, select);
    case Select::variable:
      return take_variable(area, select);
    case Select::command:
      return take_command(area, select);
    case Select::partition_config:
      if (area.device.empty())
        return Error{select.where() + ": only an emmc area with a Device has a partition-config"};
      return select.only({"By"});
    case Select::order:
    case Select::nothing:
      break;
  }
  return select.only({"By"});
}

Status take_places(AreaSettings& area, const Object& object) {
  PATCHBAY_CHECK(object.only({"Kind", "Device", "Copies", "Select", "Magic", "VersionFile"}));
  if (area.kind == Kind::emmc) {
    PATCHBAY_TRY(area.device, object.needed_text("Device"));
    area.select = Select::partition_config;
  } else if (object.has("Device")) {
    return Error{object.where() + ": Device belongs into each of the Copies"};
  }
  PATCHBAY_CHECK(take_copies(area, object));
  if (object.has("Select")) {
    PATCHBAY_TRY(const auto select, object.object("Select"));
    PATCHBAY_CHECK(take_selector(area, select));
  }
  if (area.copies.size() == 2 && area.select == Select::nothing)
    return Error{object.where() +
                 " has two copies and lacks the key Select: how does the machine "
                 "choose between them?"};
  if (area.copies.size() == 1 && area.select != Select::nothing)
    return Error{object.where() + " has one copy and a Select: what else could be selected?"};
  return Done{};
}

Status take_file(AreaSettings& area, const Object& object) {
  PATCHBAY_CHECK(object.only({"Kind", "Path", "Fallback", "Magic", "VersionFile"}));
  PATCHBAY_TRY(area.path, object.path("Path"));
  PATCHBAY_TRY(area.fallback, object.path("Fallback"));
  if (area.path.empty()) return Error{object.where() + " lacks the key Path"};
  if (area.path == area.fallback)
    return Error{object.where() + ": Path and Fallback are the same file"};
  return Done{};
}

Result<AreaSettings> area_of(const std::string& name, const json& value, const std::string& file) {
  PATCHBAY_TRY(const auto object, Object::of(value, file + ": " + name));
  AreaSettings area;
  area.name = name;
  PATCHBAY_TRY(const auto kind, object.needed_text("Kind"));
  PATCHBAY_TRY(area.kind, one_of(kind, object.place("Kind"), kKinds));
  PATCHBAY_CHECK(area.kind == Kind::file ? take_file(area, object) : take_places(area, object));
  PATCHBAY_TRY(area.version_file, object.path("VersionFile"));
  if (!object.has("Magic") && area.select == Select::order)
    return Error{object.where() +
                 " is chosen by order and lacks the key Magic: by which bytes does the "
                 "machine know a loader?"};
  if (!object.has("Magic")) return area;
  PATCHBAY_TRY(const auto magic, object.object("Magic"));
  PATCHBAY_CHECK(magic.only({"Offset", "Hex"}));
  PATCHBAY_TRY(const auto offset, magic.number("Offset"));
  PATCHBAY_TRY(const auto text, magic.needed_text("Hex"));
  PATCHBAY_TRY(auto bytes, unhex(text, magic.place("Hex")));
  area.magic = AreaSettings::Magic{offset.value_or(0), std::move(bytes)};
  return area;
}

constexpr std::size_t kLongest = 1024UL * 1024;
constexpr const char* kFwEnvConfig = "/etc/fw_env.config";
constexpr const char* kKept = "bootloader.json";
constexpr const char* kKeptEnvironment = "fw_env.config";

std::string settings_path() {
  const char* const directory = std::getenv("MENDER_CONF_DIR");
  const bool given = directory != nullptr && *directory != '\0';
  return module::join_path(given ? directory : "/etc/mender", "bootloader.json");
}

/// Empty when there is none.
std::string content_of(const std::string& file) {
  auto content = module::read_file(file, kLongest);
  return content ? *std::move(content) : std::string{};
}

Result<Settings> read_settings_from(const std::string& file) {
  Settings settings{.file = file, .areas = {}};
  if (!module::exists(file))
    return Error{"there is no " + file +
                 ", which has to say where the boot loader of this device is"};
  PATCHBAY_TRY(const auto text, module::read_file(file, kLongest));
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error{file + " is not valid JSON"};
  PATCHBAY_TRY(const auto top, Object::of(document, file));
  PATCHBAY_CHECK(top.only({"Areas", "AllowRegularFiles"}));
  PATCHBAY_TRY(const auto areas, top.object("Areas"));
  for (const auto& [name, value] : document["Areas"].items()) {
    PATCHBAY_TRY(auto area, area_of(name, value, file));
    settings.areas.push_back(std::move(area));
  }
  if (settings.areas.empty()) return Error{file + ": Areas is empty"};
  if (top.has("AllowRegularFiles")) {
    const auto& allow = document["AllowRegularFiles"];
    if (!allow.is_boolean()) return Error{file + ": AllowRegularFiles has to be true or false"};
    settings.allow_regular_files = allow.get<bool>();
  }
  return settings;
}

}  // namespace

Result<AreaSettings> Settings::area(const std::string& name) const {
  if (name.empty() && areas.size() == 1) return areas.front();
  std::string names;
  for (const auto& area : areas) {
    if (area.name == name) return area;
    names += (names.empty() ? "" : ", ") + area.name;
  }
  if (name.empty())
    return Error{
        "the artifact has to say which area it is for: the key \"area\" of its meta-data, "
        "one of " +
        names};
  return Error{"there is no area '" + name + "' on this device; " + file + " knows " + names};
}

Result<Settings> read_settings() {
  return read_settings_from(settings_path());
}

Status keep_settings(const module::Context& context) {
  PATCHBAY_TRY(const auto settings, module::read_file(settings_path(), kLongest));
  PATCHBAY_CHECK(module::replace_file(context.tmp_path(kKept), settings, 0600));
  if (!module::exists(kFwEnvConfig)) return module::Done{};
  PATCHBAY_TRY(const auto environment, module::read_file(kFwEnvConfig, kLongest));
  return module::replace_file(context.tmp_path(kKeptEnvironment), environment, 0600);
}

bool has_settings_as_kept(const module::Context& context) {
  const auto kept = context.tmp_path(kKept);
  if (!module::exists(kept)) return true;
  return content_of(settings_path()) == content_of(kept) &&
         content_of(kFwEnvConfig) == content_of(context.tmp_path(kKeptEnvironment));
}

Result<Settings> read_kept_settings(const module::Context& context) {
  PATCHBAY_TRY(auto settings, read_settings_from(context.tmp_path(kKept)));
  const auto environment = context.tmp_path(kKeptEnvironment);
  if (!module::exists(environment)) return settings;
  for (auto& area : settings.areas) {
    if (area.fw_env_config.empty()) area.fw_env_config = environment;
  }
  return settings;
}

}  // namespace patchbay::bootloader
