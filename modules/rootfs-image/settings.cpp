#include "modules/rootfs-image/settings.hpp"

#include <strings.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kLimit = 1024 * 1024;

std::string from_environment(const char* name, const char* fallback) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

// An empty object for a missing file.
Result<json> read_object(const std::string& path) {
  if (!module::exists(path)) return json::object();
  PATCHBAY_TRY(const auto text, module::read_file(path, kLimit));
  auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error{path + " is not valid JSON"};
  if (!document.is_object()) return Error{path + " is not a JSON object"};
  return document;
}

Result<std::string> text_of(const std::string& path, const std::string& key, const json& value) {
  if (!value.is_string()) return Error{path + ": " + key + " has to be a text"};
  return value.get<std::string>();
}

struct ClientKey {
  const char* section;  // nullptr: none
  const char* name;
  std::string Settings::*text;
};
constexpr std::array kClientKeys{
    ClientKey{nullptr, "RootfsPartA", &Settings::part_a},
    ClientKey{nullptr, "RootfsPartB", &Settings::part_b},
    ClientKey{nullptr, "ServerCertificate", &Settings::server_certificate},
    ClientKey{"HttpsClient", "Certificate", &Settings::client_certificate},
    ClientKey{"HttpsClient", "Key", &Settings::client_key}};

// Mender's keys are matched without regard to case.
bool is_key(const std::string& key, const char* wanted) {
  return ::strcasecmp(key.c_str(), wanted) == 0;
}

Status take_client_keys(Settings& settings, const std::string& path, const json& section,
                        const char* section_name) {
  for (const auto& [key, value] : section.items()) {
    for (const auto& known : kClientKeys) {
      if (known.section != section_name || !is_key(key, known.name)) continue;
      PATCHBAY_TRY(settings.*known.text, text_of(path, key, value));
    }
  }
  return Done{};
}

Status take_client_settings(Settings& settings, const std::string& path) {
  constexpr const char* kHttps = kClientKeys.back().section;
  PATCHBAY_TRY(const auto document, read_object(path));
  PATCHBAY_CHECK(take_client_keys(settings, path, document, nullptr));
  for (const auto& [key, value] : document.items()) {
    if (is_key(key, kHttps) && value.is_object())
      PATCHBAY_CHECK(take_client_keys(settings, path, value, kHttps));
  }
  return Done{};
}

struct BootName {
  const char* name;
  Settings::Boot boot;
};
constexpr std::array kBoots{BootName{"auto", Settings::Boot::automatic},
                            BootName{"grub", Settings::Boot::grub},
                            BootName{"uboot", Settings::Boot::uboot},
                            BootName{"command", Settings::Boot::command},
                            BootName{"efi", Settings::Boot::efi},
                            BootName{"systemd-boot", Settings::Boot::systemd_boot}};

Result<Settings::Boot> boot_of(const std::string& path, const std::string& text) {
  for (const auto& known : kBoots) {
    if (text == known.name) return known.boot;
  }
  return Error{path + ": BootEnvironment is '" + text +
               "'; it can be auto, grub, uboot, efi, systemd-boot or command"};
}

struct Key {
  const char* name;
  std::string Settings::*text;
};
constexpr std::array kTexts{Key{"RootfsPartA", &Settings::part_a},
                            Key{"RootfsPartB", &Settings::part_b},
                            Key{"BootValueA", &Settings::boot_value_a},
                            Key{"BootValueB", &Settings::boot_value_b},
                            Key{"GrubEnvironmentDirectory", &Settings::grub_directory},
                            Key{"FwEnvConfig", &Settings::fw_env_config},
                            Key{"BootCommand", &Settings::boot_command},
                            Key{"EfiVariablesDirectory", &Settings::efi_variables},
                            Key{"RootDirectory", &Settings::root_directory}};
// Of no use on the way back, so not in the record of an update: what runs then may not know them.
constexpr std::array kFetchTexts{Key{"ServerCertificate", &Settings::server_certificate},
                                 Key{"ClientCertificate", &Settings::client_certificate},
                                 Key{"ClientKey", &Settings::client_key}};

template <std::size_t Count>
const Key* find_key(const std::array<Key, Count>& keys, const std::string& name) {
  for (const auto& known : keys) {
    if (name == known.name) return &known;
  }
  return nullptr;
}

Status take_own(Settings& settings, const std::string& path, const std::string& key,
                const json& value) {
  const auto* known = find_key(kTexts, key);
  if (known == nullptr) known = find_key(kFetchTexts, key);
  if (known != nullptr) {
    PATCHBAY_TRY(settings.*known->text, text_of(path, key, value));
    return Done{};
  }
  if (key == "AllowRegularFiles") {
    if (!value.is_boolean()) return Error{path + ": AllowRegularFiles has to be true or false"};
    settings.allow_regular_files = value.get<bool>();
    return Done{};
  }
  if (key == "FetchTimeout") {
    constexpr unsigned kMost = 3600;
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() - 1 >= kMost)
      return Error{path + ": FetchTimeout has to be 1 to 3600 seconds"};
    settings.fetch_timeout_s = value.get<unsigned>();
    return Done{};
  }
  if (key != "BootEnvironment") return Error{path + ": there is no key '" + key + "'"};
  PATCHBAY_TRY(const auto text, text_of(path, key, value));
  PATCHBAY_TRY(settings.boot, boot_of(path, text));
  return Done{};
}

Status check(const Settings& settings, const std::string& own) {
  for (const auto* const part : {&settings.part_a, &settings.part_b}) {
    if (part->empty())
      return Error{std::string{part == &settings.part_a ? "RootfsPartA" : "RootfsPartB"} +
                   " is not set: name both root partitions in mender.conf or patchbay.yaml, for "
                   "example /dev/disk/by-partuuid/..."};
  }
  if (settings.boot == Settings::Boot::command && !settings.boot_command.starts_with('/'))
    return Error{own +
                 ": BootEnvironment is 'command', so BootCommand has to be the absolute path "
                 "of a program"};
  if (settings.boot_value_a.empty() != settings.boot_value_b.empty())
    return Error{own + ": BootValueA and BootValueB have to be set both, or none of them"};
  const bool has_entries =
      settings.boot == Settings::Boot::efi || settings.boot == Settings::Boot::systemd_boot;
  if (has_entries && settings.boot_value_a.empty())
    return Error{own +
                 ": this BootEnvironment chooses between boot entries; set BootValueA and "
                 "BootValueB to those of the two slots"};
  if (!settings.root_directory.starts_with('/'))
    return Error{own + ": RootDirectory '" + settings.root_directory + "' is not an absolute path"};
  return Done{};
}

}  // namespace

Result<Settings> read_settings() {
  Settings settings;
  const auto configuration = from_environment("MENDER_CONF_DIR", "/etc/mender");
  const auto data = from_environment("MENDER_DATASTORE_DIR", "/var/lib/mender");
  PATCHBAY_CHECK(take_client_settings(settings, module::join_path(data, "mender.conf")));
  PATCHBAY_CHECK(take_client_settings(settings, module::join_path(configuration, "mender.conf")));
  settings.part_a = from_environment("PATCHBAY_ROOTFS_PART_A", settings.part_a.c_str());
  settings.part_b = from_environment("PATCHBAY_ROOTFS_PART_B", settings.part_b.c_str());

  const auto own = module::join_path(configuration, "rootfs-image.json");
  PATCHBAY_TRY(const auto document, read_object(own));
  for (const auto& [key, value] : document.items())
    PATCHBAY_CHECK(take_own(settings, own, key, value));
  PATCHBAY_CHECK(check(settings, own));
  return settings;
}

std::string to_json(const Settings& settings) {
  json document{{"AllowRegularFiles", settings.allow_regular_files}};
  for (const auto& known : kTexts)
    document[known.name] = settings.*known.text;
  for (const auto& known : kBoots) {
    if (settings.boot == known.boot) document["BootEnvironment"] = known.name;
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Settings> parse_settings(const std::string& text) {
  const std::string place = "the settings of the update";
  const auto document = json::parse(text, nullptr, false);
  if (!document.is_object()) return Error{place + " are damaged"};
  Settings settings;
  for (const auto& [key, value] : document.items())
    PATCHBAY_CHECK(take_own(settings, place, key, value));
  PATCHBAY_CHECK(check(settings, place));
  return settings;
}

}  // namespace patchbay::rootfs_image
