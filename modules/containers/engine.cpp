#include "modules/containers/engine.hpp"

#define JSON_NO_IO 1
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "modules/containers/tar_writer.hpp"
#include "patchbay/run.hpp"

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;
using nlohmann::json;

constexpr const char* kVersion = "/v1.41";
constexpr long kNotModified = 304;
constexpr long kNotFound = 404;
constexpr long kConflict = 409;
constexpr std::chrono::seconds kRemoval{30};

bool good(long status) {
  return status >= 200 && status < 300;
}

/// What the engine says is wrong.
std::string complaint(const HttpResponse& response) {
  const auto answer = json::parse(response.body, nullptr, false);
  if (answer.is_object() && answer.contains("message") && answer["message"].is_string()) {
    return answer["message"].get<std::string>();
  }
  return "status " + std::to_string(response.status) + " " + response.body.substr(0, 300);
}

Result<json> parsed(const HttpResponse& response, const std::string& what) {
  if (response.cut) return Error{"the engine's answer about " + what + " is too long"};
  auto answer = json::parse(response.body, nullptr, false);
  if (answer.is_discarded()) return Error{"the engine's answer about " + what + " is not JSON"};
  return answer;
}

/// The value at `path`, or `fallback` when it is missing or of another type.
template <typename Value>
Value get(const json& object, const char* path, Value fallback) {
  const json::json_pointer pointer{path};
  if (!object.is_structured() || !object.contains(pointer)) return fallback;
  const json& value = object.at(pointer);
  if constexpr (std::is_same_v<Value, std::string>) {
    return value.is_string() ? value.get<std::string>() : fallback;
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value.is_boolean() ? value.get<bool>() : fallback;
  } else {
    return value.is_number() ? value.get<Value>() : fallback;
  }
}

std::map<std::string, std::string> labels_of(const json& object, const char* path) {
  std::map<std::string, std::string> labels;
  const json::json_pointer pointer{path};
  if (!object.contains(pointer) || !object.at(pointer).is_object()) return labels;
  for (const auto& [key, value] : object.at(pointer).items())
    if (value.is_string()) labels[key] = value.get<std::string>();
  return labels;
}

std::string without_slash(const std::string& name) {
  return name.starts_with('/') ? name.substr(1) : name;
}

std::string with_algorithm(const std::string& id) {
  return id.empty() || id.starts_with("sha256:") ? id : "sha256:" + id;
}

Container describe(const json& answer) {
  Container found;
  found.id = get<std::string>(answer, "/Id", "");
  found.name = without_slash(get<std::string>(answer, "/Name", ""));
  found.image_id = with_algorithm(get<std::string>(answer, "/Image", ""));
  found.labels = labels_of(answer, "/Config/Labels");
  found.running = get(answer, "/State/Running", false);
  found.stopping = get(answer, "/State/Status", std::string{}) == "stopping";
  found.restarting = get(answer, "/State/Restarting", false);
  found.restarts = get(answer, "/RestartCount", 0);
  found.exit_code = get(answer, "/State/ExitCode", 0);
  found.started_at = get<std::string>(answer, "/State/StartedAt", "");
  found.health = get<std::string>(answer, "/State/Health/Status", "");
  if (found.health == "none") found.health.clear();
  found.removes_itself = get(answer, "/HostConfig/AutoRemove", false);
  const json::json_pointer policy{"/HostConfig/RestartPolicy"};
  if (answer.contains(policy)) found.restart_policy = answer.at(policy).dump();
  return found;
}

/// What containers print comes in pieces, each behind a head of eight bytes with the number of the
/// stream and its length; from a terminal it comes as it is.
std::string without_heads(const std::string& body) {
  constexpr std::size_t kHead = 8;
  std::string text;
  for (std::size_t at = 0; at + kHead <= body.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(body[at + i]); };
    if (byte(0) > 2 || byte(1) != 0 || byte(2) != 0 || byte(3) != 0) return body;
    const std::size_t length = std::size_t{byte(4)} << 24U | std::size_t{byte(5)} << 16U |
                               std::size_t{byte(6)} << 8U | std::size_t{byte(7)};
    text += body.substr(at + kHead, length);
    at += kHead + length;
  }
  return text;
}

/// Streams of progress report a failure in their last lines, with status 200.
Status no_error_in(const HttpResponse& response) {
  for (std::size_t begin = 0; begin < response.body.size();) {
    const auto end = std::min(response.body.find('\n', begin), response.body.size());
    const auto line =
        json::parse(response.body.begin() + static_cast<std::ptrdiff_t>(begin),
                    response.body.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (line.is_object() && line.contains("error")) {
      return Error{line["error"].is_string() ? line["error"].get<std::string>()
                                             : line["error"].dump()};
    }
    begin = end + 1;
  }
  return Done{};
}

}  // namespace

const char* to_string(Engine::Kind kind) {
  return kind == Engine::Kind::docker ? "docker" : "podman";
}

Result<HttpResponse> Engine::call(HttpRequest request) const {
  request.path = kVersion + request.path;
  return send(socket_, request);
}

Status Engine::act(HttpRequest request, long also_fine) const {
  PATCHBAY_TRY(const auto response, call(std::move(request)));
  if (good(response.status) || response.status == also_fine) return Done{};
  return Error{complaint(response)};
}

Status Engine::ping() const {
  PATCHBAY_TRY(const auto response, send(socket_, {.method = "GET", .path = "/_ping"}));
  if (good(response.status)) return Done{};
  return Error{"the container engine at " + socket_ + " is not well: " + complaint(response)};
}

Result<std::string> Engine::storage() const {
  PATCHBAY_TRY(const auto response, call({.method = "GET", .path = "/info"}));
  PATCHBAY_TRY(const auto answer, parsed(response, "itself"));
  auto directory = get<std::string>(answer, "/DockerRootDir", "");
  if (directory.empty()) return Error{"the engine does not say where it stores images"};
  return directory;
}

Result<std::vector<Container>> Engine::containers(const std::string& label) const {
  const json filters{{"label", json::array({label})}};
  PATCHBAY_TRY(
      const auto response,
      call({.method = "GET", .path = "/containers/json?all=1&filters=" + escape(filters.dump())}));
  if (!good(response.status)) return Error{"list containers: " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "its containers"));
  std::vector<Container> found;
  for (const json& entry : answer) {
    PATCHBAY_TRY(auto one, container(get<std::string>(entry, "/Id", "")));
    if (one) found.push_back(std::move(*one));
  }
  return found;
}

Result<std::optional<Container>> Engine::container(const std::string& id) const {
  PATCHBAY_TRY(const auto response,
               call({.method = "GET", .path = "/containers/" + escape(id) + "/json"}));
  if (response.status == kNotFound) return std::optional<Container>{};
  if (!good(response.status)) return Error{"look at container " + id + ": " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "container " + id));
  return std::optional{describe(answer)};
}

Result<std::string> Engine::list_without(const std::string& target,
                                         const std::set<std::string>& hidden) const {
  PATCHBAY_TRY(const auto response, send(socket_, {.method = "GET", .path = target}));
  if (!good(response.status)) return Error{complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "its containers"));
  json left = json::array();
  for (const json& entry : answer)
    if (!hidden.contains(get<std::string>(entry, "/Id", ""))) left.push_back(entry);
  return left.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> Engine::last_lines(const std::string& id, int count) const {
  const auto response = call({.method = "GET",
                              .path = "/containers/" + escape(id) +
                                      "/logs?stdout=1&stderr=1&tail=" + std::to_string(count)});
  // It explains a failure, and is none itself: some log drivers cannot be read.
  if (!response || !good(response->status)) return {};
  return module::lines_of(without_heads(response->body));
}

Result<std::string> Engine::health(const Container& container) const {
  if (container.health.empty() || kind_ == Kind::docker) return container.health;
  // Podman leaves checks to timers of systemd, which may not be there.
  PATCHBAY_TRY(const auto response, send(socket_, {.method = "GET",
                                                   .path = "/v4.0.0/libpod/containers/" +
                                                           container.id + "/healthcheck"}));
  if (!good(response.status)) return container.health;
  PATCHBAY_TRY(const auto answer, parsed(response, "a health check"));
  return get<std::string>(answer, "/Status", container.health);
}

Result<std::string> Engine::create(const std::string& name, const std::string& body) const {
  PATCHBAY_TRY(
      const auto response,
      call({.method = "POST", .path = "/containers/create?name=" + escape(name), .body = body}));
  if (!good(response.status)) return Error{"create container " + name + ": " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "a new container"));
  return get<std::string>(answer, "/Id", "");
}

Status Engine::start(const std::string& id) const {
  return act({.method = "POST", .path = "/containers/" + id + "/start"}, kNotModified)
      .context("start container " + id.substr(0, 12));
}

Status Engine::stop(const std::string& id) const {
  // The engine gives it its own stop time-out before it kills.
  return act({.method = "POST", .path = "/containers/" + id + "/stop", .limit = std::nullopt},
             kNotModified)
      .context("stop container " + id.substr(0, 12));
}

Status Engine::rename(const std::string& id, const std::string& name) const {
  return act({.method = "POST", .path = "/containers/" + id + "/rename?name=" + escape(name)})
      .context("rename container " + id.substr(0, 12) + " to " + name);
}

Status Engine::remove(const std::string& id) const {
  const auto end = std::chrono::steady_clock::now() + kRemoval;
  while (true) {
    PATCHBAY_TRY(const auto response,
                 call({.method = "DELETE", .path = "/containers/" + id + "?force=1"}));
    if (good(response.status) || response.status == kNotFound) return Done{};
    // Somebody who has died since may have asked for the same.
    if (response.status != kConflict || std::chrono::steady_clock::now() > end) {
      return Error{"remove container " + id.substr(0, 12) + ": " + complaint(response)};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

Status Engine::set_restart_policy(const std::string& id, const std::string& policy) const {
  if (kind_ == Kind::podman || policy.empty()) return Done{};
  return act({.method = "POST",
              .path = "/containers/" + id + "/update",
              .body = "{\"RestartPolicy\":" + policy + "}"})
      .context("set the restart policy of container " + id.substr(0, 12));
}

Result<std::vector<Engine::Network>> Engine::networks(const std::string& label) const {
  const json filters{{"label", json::array({label})}};
  PATCHBAY_TRY(const auto response,
               call({.method = "GET", .path = "/networks?filters=" + escape(filters.dump())}));
  if (!good(response.status)) return Error{"list networks: " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "its networks"));
  std::vector<Network> found;
  for (const json& entry : answer)
    found.push_back({get<std::string>(entry, "/Id", ""), get<std::string>(entry, "/Name", "")});
  return found;
}

Status Engine::remove_network(const std::string& id) const {
  return act({.method = "DELETE", .path = "/networks/" + id}, kNotFound)
      .context("remove network " + id.substr(0, 12));
}

Result<std::optional<Image>> Engine::image(const std::string& reference) const {
  PATCHBAY_TRY(const auto response,
               call({.method = "GET", .path = "/images/" + escape(reference) + "/json"}));
  if (response.status == kNotFound) return std::optional<Image>{};
  if (!good(response.status))
    return Error{"look at image " + reference + ": " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "image " + reference));
  Image found;
  found.id = with_algorithm(get<std::string>(answer, "/Id", ""));
  found.size = get<std::uint64_t>(answer, "/Size", 0);
  if (answer.contains("RepoTags") && answer["RepoTags"].is_array()) {
    for (const json& tag : answer["RepoTags"])
      if (tag.is_string()) found.tags.push_back(tag.get<std::string>());
  }
  return std::optional{found};
}

Status Engine::load(const Upload& archive) const {
  PATCHBAY_TRY(const auto response, call({.method = "POST",
                                          .path = "/images/load?quiet=1",
                                          .upload = archive,
                                          .limit = std::nullopt}));
  if (!good(response.status)) return Error{complaint(response)};
  return no_error_in(response);
}

Status Engine::pull(const std::string& reference) const {
  PATCHBAY_TRY(const auto response, call({.method = "POST",
                                          .path = "/images/create?fromImage=" + escape(reference),
                                          .limit = std::nullopt}));
  if (!good(response.status)) return Error{"pull " + reference + ": " + complaint(response)};
  return no_error_in(response).context("pull " + reference);
}

Status Engine::read_back(const std::string& image_id) const {
  PATCHBAY_TRY(const auto response, call({.method = "GET",
                                          .path = "/images/" + escape(image_id) + "/get",
                                          .limit = std::nullopt}));
  if (good(response.status)) return Done{};
  return Error{complaint(response)};
}

Status Engine::save(const std::string& reference, const std::string& path) const {
  PATCHBAY_TRY(auto file, module::NewFile::create(path));
  HttpRequest request{.method = "GET",
                      .path = "/images/" + escape(reference) + "/get",
                      .download = [&](std::string_view piece) { return file.write(piece); },
                      .limit = std::nullopt};
  PATCHBAY_TRY(const auto response, call(std::move(request)));
  if (good(response.status)) return Done{};
  return Error{"save image " + reference + ": " + complaint(response)};
}

Status Engine::tag(const std::string& image_id, const std::string& name) const {
  const auto colon = name.rfind(':');
  const bool has_tag = colon != std::string::npos && name.find('/', colon) == std::string::npos;
  const std::string tag = has_tag ? name.substr(colon + 1) : "latest";
  return act({.method = "POST",
              .path = "/images/" + escape(image_id) + "/tag?repo=" + escape(name.substr(0, colon)) +
                      "&tag=" + escape(tag)})
      .context("give the name " + name + " back to image " + image_id);
}

Result<bool> Engine::remove_image(const std::string& reference) const {
  PATCHBAY_TRY(const auto response,
               call({.method = "DELETE", .path = "/images/" + escape(reference)}));
  if (response.status == kConflict) return false;
  if (good(response.status) || response.status == kNotFound) return true;
  return Error{"remove image " + reference + ": " + complaint(response)};
}

Result<bool> Engine::image_in_use(const std::string& image_id) const {
  const json filters{{"ancestor", json::array({image_id})}};
  PATCHBAY_TRY(
      const auto response,
      call({.method = "GET", .path = "/containers/json?all=1&filters=" + escape(filters.dump())}));
  if (!good(response.status)) return Error{"list containers: " + complaint(response)};
  PATCHBAY_TRY(const auto answer, parsed(response, "its containers"));
  return !answer.empty();
}

}  // namespace patchbay::containers
