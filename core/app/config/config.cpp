#include "core/app/config/config.hpp"

#include "core/app/config/document.hpp"
#include "core/app/config/merge.hpp"
#include "core/app/config/schema.hpp"
#include "core/base/bytes.hpp"
#include "core/base/token_uri.hpp"
#include "core/os/file.hpp"

namespace patchbay::app {
namespace {

constexpr std::size_t kMostBytes = 1 * kMiB;

enum class Presence : std::uint8_t { optional, required };

Status read_into(Config& config, const std::string& path, Presence presence) {
  if (path.empty()) return Done{};
  // A symbolic link to nothing counts as there: somebody wanted a configuration.
  if (presence == Presence::optional && !os::exists(path)) return Done{};
  auto content = os::read_file(path, kMostBytes);
  if (!content && content.error().code() == ErrorCode::not_found && os::exists(path)) {
    return Error{ErrorCode::not_found, "configuration: " + path + " is a link to nothing"};
  }
  PB_TRY(const std::string text, std::move(content).context("configuration"));
  const bool yaml = path.ends_with(".yaml") || path.ends_with(".yml");
  PB_TRY(const Value document, (yaml ? parse_yaml(text) : parse_json(text)).context(path));
  return merge(document, path, config);
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& item : list)
    text += (text.empty() ? "" : ", ") + item;
  return text;
}

/// The value of a field as text; one overload for each kind of field.
struct Printer {
  const Config& config;

  std::string operator()(std::string Config::*field) const { return without_pin(config.*field); }
  std::string operator()(bool Config::*field) const { return config.*field ? "true" : "false"; }
  std::string operator()(int Config::*field) const { return std::to_string(config.*field); }
  std::string operator()(std::chrono::seconds Config::*field) const {
    return std::to_string((config.*field).count());
  }
  std::string operator()(std::vector<std::string> Config::*field) const {
    return joined(config.*field);
  }
  std::string operator()(Special special) const {
    static constexpr const char* kLevels[] = {"trace", "debug", "info", "warning", "error"};
    switch (special) {
      case Special::server_url:
      case Special::servers:
        return joined(config.servers);
      case Special::verify_key:
        return joined(config.artifact_verify_keys);
      case Special::log_level:
        return kLevels[static_cast<std::size_t>(config.daemon_log_level.value_or(LogLevel::info))];
      case Special::device_tier:
        break;
    }
    return config.device_tier;
  }
};

/// Of two keys for one thing only the one in use is shown, or the list when neither is.
bool is_shown(const Key& key, const Config& config) {
  const auto given = [&](const char* name) { return config.origins.count(name) > 0; };
  if (key.name == "ServerURL") return given("ServerURL");
  if (key.name == "Servers") return !given("ServerURL");
  if (key.name == "ArtifactVerifyKey") return given("ArtifactVerifyKey");
  if (key.name == "ArtifactVerifyKeys") return !given("ArtifactVerifyKey");
  return true;
}

/// Two keys of which neither is of use without the other.
Status check_pair(const Config& config, const std::string& one, const std::string& value,
                  const std::string& other, const std::string& other_value) {
  if (value.empty() == other_value.empty()) return Done{};
  const std::string& given = value.empty() ? other : one;
  const std::string& missing = value.empty() ? one : other;
  return Error{ErrorCode::invalid_input, config.origins.at(given) + ": " + given + " needs " +
                                             missing + " beside it, which is not set"};
}

}  // namespace

Result<Config> load_config(const ConfigPaths& paths) {
  const auto presence = [](const bool required) {
    return required ? Presence::required : Presence::optional;
  };
  Config config;
  PB_CHECK(read_into(config, paths.fallback, presence(paths.fallback_required)));
  PB_CHECK(read_into(config, paths.main, presence(paths.main_required)));
  PB_CHECK(read_into(config, paths.yaml, Presence::optional));
  PB_CHECK(check_pair(config, "HttpsClient.Certificate", config.https_client_certificate,
                      "HttpsClient.Key", config.https_client_key));
  return config;
}

std::vector<ConfigRow> config_rows(const Config& config) {
  std::vector<ConfigRow> rows;
  for (const Key& key : known_keys()) {
    if (!is_shown(key, config)) continue;
    const auto origin = config.origins.find(std::string{key.name});
    std::string value = std::visit(Printer{config}, key.field);
    if (key.shown == Shown::masked && !value.empty()) value = "(set, not shown)";
    rows.push_back({std::string{key.name}, std::move(value),
                    origin == config.origins.end() ? "default" : origin->second});
  }
  return rows;
}

}  // namespace patchbay::app
