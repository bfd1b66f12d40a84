#include "modules/containers/request.hpp"

#include <algorithm>
#include <array>
#include <set>
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr std::size_t kMaxContainers = 64;
constexpr std::int64_t kMaxSeconds = 3600;

template <std::size_t N>
Status only_known(const json& object, const std::array<const char*, N>& known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const char* name : known)
      names += (names.empty() ? "" : ", ") + std::string{name};
    return Error{"the key '" + key + "' is not known; there are " + names};
  }
  return Done{};
}

Status read_text(const json& object, const char* key, std::string& text) {
  const auto found = object.find(key);
  if (found == object.end()) return Done{};
  if (!found->is_string()) return Error{"'" + std::string{key} + "' must be a text"};
  text = found->get<std::string>();
  if (text.find('\0') != std::string::npos) return Error{"'" + std::string{key} + "' holds a NUL"};
  return Done{};
}

Status read_seconds(const json& object, const char* key, std::chrono::seconds& seconds) {
  const auto found = object.find(key);
  if (found == object.end()) return Done{};
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > kMaxSeconds) {
    return Error{"'health." + std::string{key} + "' is " + found->dump() +
                 ", but must be a number of seconds from 0 to " + std::to_string(kMaxSeconds)};
  }
  seconds = std::chrono::seconds{found->get<std::int64_t>()};
  return Done{};
}

Status read_command(const json& object, Wanted& wanted) {
  const auto found = object.find("command");
  if (found == object.end()) return Done{};
  if (!found->is_array()) return Error{"'command' must be a list of texts"};
  for (const json& word : *found) {
    if (!word.is_string()) return Error{"'command' holds " + word.dump() + ", which is no text"};
    wanted.command.push_back(word.get<std::string>());
  }
  return Done{};
}

Result<Wanted> read_wanted(const json& entry) {
  Wanted wanted;
  if (entry.is_string()) {
    wanted.image = entry.get<std::string>();
  } else if (entry.is_object()) {
    PATCHBAY_CHECK(only_known(entry, std::array{"image", "name", "run_args", "command"}));
    PATCHBAY_CHECK(read_text(entry, "image", wanted.image));
    PATCHBAY_CHECK(read_text(entry, "name", wanted.name));
    PATCHBAY_CHECK(read_text(entry, "run_args", wanted.run_args));
    PATCHBAY_CHECK(read_command(entry, wanted));
  } else {
    return Error{"it holds " + entry.dump() + ", which is neither an image nor an object"};
  }
  const bool strange = std::any_of(wanted.image.begin(), wanted.image.end(), [](unsigned char c) {
    return c <= ' ' || c == 0x7f || c == '%' || c == '?' || c == '#';
  });
  if (wanted.image.empty() || strange || wanted.image.front() == '-') {
    return Error{"'" + wanted.image + "' is no name of an image"};
  }
  return wanted;
}

/// "registry/shop/web:2@sha256:..." -> "web"
std::string short_name(const std::string& image) {
  std::string name = image.substr(0, image.find('@'));
  name = name.substr(name.rfind('/') + 1);
  name = name.substr(0, name.find(':'));
  if (name.ends_with(".tar")) name.resize(name.size() - 4);
  return name.empty() ? "container" : name;
}

Status name_containers(Request& request) {
  std::set<std::string> taken;
  for (Wanted& wanted : request.containers) {
    if (wanted.name.empty()) wanted.name = wanted.options.name;
    if (wanted.name.empty()) {
      const std::string base = request.project + "-" + short_name(wanted.image);
      wanted.name = base;
      for (int i = 2; taken.contains(wanted.name); ++i)
        wanted.name = base + "-" + std::to_string(i);
    }
    if (!is_name(wanted.name)) return Error{"'" + wanted.name + "' is no name of a container"};
    if (!taken.insert(wanted.name).second) {
      return Error{"two containers would be called " + wanted.name};
    }
  }
  return Done{};
}

/// The entries of 'containers', or one for each file.
Result<json> entries_of(const json& root, const std::optional<std::vector<std::string>>& files) {
  const auto found = root.find("containers");
  if (found == root.end()) {
    if (!files) return json::array();
    if (!files->empty()) return json(*files);
  }
  if (found == root.end() || !found->is_array() || found->empty()) {
    return Error{"'containers' must be a list with at least one image"};
  }
  if (found->size() > kMaxContainers) {
    return Error{"'containers' holds " + std::to_string(found->size()) + " images, more than " +
                 std::to_string(kMaxContainers)};
  }
  return *found;
}

Status read_containers(const json& root, const std::optional<std::vector<std::string>>& files,
                       Request& request) {
  std::string common;
  PATCHBAY_CHECK(read_text(root, "run_args", common));
  PATCHBAY_TRY(const auto entries, entries_of(root, files));
  PATCHBAY_TRY(const auto common_words, split_words(common));
  for (const json& entry : entries) {
    PATCHBAY_TRY(auto wanted, read_wanted(entry).context("'containers'"));
    PATCHBAY_TRY(auto words, split_words(wanted.run_args));
    words.insert(words.begin(), common_words.begin(), common_words.end());
    PATCHBAY_TRY(wanted.options, parse_run_options(words).context(wanted.image));
    request.containers.push_back(std::move(wanted));
  }
  return Done{};
}

Result<Request> read_request(const json& root,
                             const std::optional<std::vector<std::string>>& files) {
  PATCHBAY_CHECK(
      only_known(root, std::array{"project", "containers", "run_args", "health", "allow-tags"}));
  Request request;
  request.project = "default";
  PATCHBAY_CHECK(read_text(root, "project", request.project));
  if (!is_name(request.project)) {
    return Error{"'project' is '" + request.project +
                 "'; it is made of letters, digits, _, - and ., at most 60"};
  }
  if (const auto found = root.find("allow-tags"); found != root.end()) {
    if (!found->is_boolean()) return Error{"'allow-tags' must be true or false"};
    request.allow_tags = found->get<bool>();
  }
  PATCHBAY_CHECK(read_containers(root, files, request));
  PATCHBAY_CHECK(name_containers(request));
  return request;
}

}  // namespace

bool is_name(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return text.size() >= 2 && text.size() <= 60 && plain(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_by_digest(const std::string& image) {
  const auto at = image.find("@sha256:");
  if (at == std::string::npos || at == 0) return false;
  const std::string digest = image.substr(at + 8);
  return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<HealthWindow> parse_health(const std::string& meta_data) {
  const auto root = json::parse(meta_data, nullptr, false);
  HealthWindow health;
  if (!root.is_object() || !root.contains("health")) return health;
  const json& object = root["health"];
  if (!object.is_object()) return Error{"meta-data: 'health' must be an object"};
  PATCHBAY_CHECK(only_known(object, std::array{"seconds", "limit"}).context("meta-data: 'health'"));
  PATCHBAY_CHECK(read_seconds(object, "seconds", health.length).context("meta-data"));
  PATCHBAY_CHECK(read_seconds(object, "limit", health.limit).context("meta-data"));
  return health;
}

Result<Request> parse_request(const std::string& meta_data,
                              const std::optional<std::vector<std::string>>& files) {
  const auto root = json::parse(meta_data, nullptr, false);
  if (!root.is_object()) return Error{"meta-data must be a JSON object"};
  PATCHBAY_TRY(auto request, read_request(root, files).context("meta-data"));
  PATCHBAY_TRY(request.health, parse_health(meta_data));
  return request;
}

}  // namespace patchbay::containers
