#include "modules/containers/settings.hpp"

#include <cstdlib>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

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
  if (key == "engine-wait") {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 3600) {
      return Error{"must be a number of seconds up to 3600"};
    }
    settings.engine_wait = std::chrono::seconds{value.get<int>()};
    return Done{};
  }
  return Error{
      "is not known; there are docker-socket, podman-socket, podman, compose, store, engine-wait"};
}

}  // namespace

Result<Settings> read_settings() {
  const char* const other = std::getenv("PATCHBAY_CONTAINERS_CONFIG");
  const std::string path = other != nullptr && *other != '\0' ? other : kPath;
  Settings settings;
  if (!module::exists(path)) return settings;
  PATCHBAY_TRY(const auto text, module::read_file(path, kLimit));
  const auto document = json::parse(text, nullptr, false);
  if (!document.is_object()) return Error{path + " is not a JSON object"};
  for (const auto& [key, value] : document.items())
    PATCHBAY_CHECK(take(key, value, settings).context(path + ": '" + key + "'"));
  return settings;
}

}  // namespace patchbay::containers
