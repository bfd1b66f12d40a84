#include "modules/containers/settings.hpp"

#include <algorithm>
#include <cstdlib>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>
#include <optional>

#include "modules/containers/run_options.hpp"
#include "patchbay/files.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr const char* kPath = "/etc/patchbay/containers.json";
constexpr std::size_t kLimit = 64 * 1024;

Status take_path(const json& value, std::string& path) {
  if (!value.is_string()) return Error{"must be a path"};
  PATCHBAY_TRY(path, module::normalise_path(value.get<std::string>(), "it"));
  return Done{};
}

Status take_program(const json& value, std::vector<std::string>& words) {
  if (!value.is_array() || value.empty()) return Error{"must be a list: a program, its options"};
  words.clear();
  for (const json& word : value) {
    if (!word.is_string()) return Error{"holds " + word.dump() + ", which is no text"};
    words.push_back(word.get<std::string>());
  }
  return Done{};
}

Status take(const std::string& key, const json& value, Settings& settings) {
  if (key == "docker-socket") return take_path(value, settings.docker_socket);
  if (key == "podman-socket") return take_path(value, settings.podman_socket);
  if (key == "store") return take_path(value, settings.store);
  if (key == "podman") return take_program(value, settings.podman);
  if (key == "compose") return take_program(value, settings.compose);
  if (key == "xdelta") return take_program(value, settings.xdelta);
  if (key == "mender-configuration") return take_path(value, settings.mender_configuration);
  if (key == "engine-wait") {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 3600) {
      return Error{"must be a number of seconds up to 3600"};
    }
    settings.engine_wait = std::chrono::seconds{value.get<int>()};
    return Done{};
  }
  return Error{
      "is not known; there are docker-socket, podman-socket, podman, compose, xdelta, "
      "mender-configuration, store, engine-wait"};
}

/// The text behind `name=` in a file that a shell could read, as plain text: one word. Nothing
/// where there is no such line.
Result<std::optional<std::string>> value_in(const std::string& text, const std::string& name) {
  std::optional<std::string> value;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(name + "=")) continue;
    const std::string right = line.substr(name.size() + 1);
    PATCHBAY_TRY(const auto words, split_words(right));
    if (words.size() > 1 || right.find_first_of("$`") != std::string::npos) {
      return Error{name + " is '" + right +
                   "'; it is read as it stands, and has to be one word in quotes"};
    }
    value = words.empty() ? "" : words.front();
  }
  return value;
}

/// As Mender's module of the type app is told about the program. It has a shell read that file.
Status take_xdelta(const std::string& path, Settings& settings) {
  if (!module::exists(path)) return Done{};
  PATCHBAY_TRY(const auto text, module::read_file(path, kLimit));
  PATCHBAY_TRY(const auto command, value_in(text, "XDELTA_COMMAND"));
  PATCHBAY_TRY(const auto arguments, value_in(text, "XDELTA_ARGS"));
  if (command && !command->empty()) {
    PATCHBAY_TRY(auto words, split_words(*command));
    words.insert(words.end(), settings.xdelta.begin() + 1, settings.xdelta.end());
    settings.xdelta = words;
  }
  if (!arguments || arguments->empty()) return Done{};
  PATCHBAY_TRY(const auto words, split_words(*arguments));
  settings.xdelta.resize(settings.xdelta.size() - 2);  // our own
  settings.xdelta.insert(settings.xdelta.end(), words.begin(), words.end());
  return Done{};
}

}  // namespace

Result<Settings> read_settings() {
  const char* const other = std::getenv("PATCHBAY_CONTAINERS_CONFIG");
  const std::string path = other != nullptr && *other != '\0' ? other : kPath;
  Settings settings;
  json document = json::object();
  if (module::exists(path)) {
    PATCHBAY_TRY(const auto text, module::read_file(path, kLimit));
    document = json::parse(text, nullptr, false);
    if (!document.is_object()) return Error{path + " is not a JSON object"};
  }
  for (const auto& [key, value] : document.items())
    PATCHBAY_CHECK(take(key, value, settings).context(path + ": '" + key + "'"));
  if (!document.contains("xdelta")) {
    const auto file =
        module::join_path(settings.mender_configuration, "mender-app-docker-compose.conf");
    PATCHBAY_CHECK(take_xdelta(file, settings).context(file));
  }
  return settings;
}

}  // namespace patchbay::containers
