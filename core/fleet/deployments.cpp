#include "core/fleet/deployments.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "core/fetch/source.hpp"
#include "core/fetch/url.hpp"

namespace patchbay::fleet {
namespace {

using nlohmann::json;

constexpr const char* kNextV1 = "/api/devices/v1/deployments/device/deployments/next";
constexpr const char* kNextV2 = "/api/devices/v2/deployments/device/deployments/next";
constexpr const char* kDeployments = "/api/devices/v1/deployments/device/deployments/";
constexpr int kNoContent = 204;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

/// Whether the same request would get the same answer later. Not of these: who the device is may be
/// mended, and a wait may help.
bool is_final(int status) {
  constexpr std::array kMayPass{401, kForbidden, 408, 425, 429};
  return status >= 400 && status < 500 &&
         std::find(kMayPass.begin(), kMayPass.end(), status) == kMayPass.end();
}

std::string value_of(const store::Provides& provides, const char* key) {
  const auto found = provides.find(key);
  return found == provides.end() ? std::string{} : found->second;
}

Error malformed(const std::string& what) {
  return Error{ErrorCode::invalid_input, "the server's answer about a deployment " + what};
}

/// It is a step of a path on the server, where dots mean something else.
bool is_id(const json& id) {
  const auto* text = id.get_ptr<const std::string*>();
  return text != nullptr && !text->empty() && *text != "." && *text != "..";
}

Result<Offer> offer_of(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return malformed("is no JSON object");
  const json id = answer.value("id", json{});
  const json artifact = answer.value("artifact", json::object());
  const json source = artifact.is_object() ? artifact.value("source", json::object()) : json{};
  const json url = source.is_object() ? source.value("uri", json{}) : json{};
  if (!is_id(id)) return malformed("names no deployment");
  if (!url.is_string() || !fetch::is_url(url.get<std::string>())) {
    return malformed("does not say where the artifact is");
  }
  return Offer{id.get<std::string>(), url.get<std::string>()};
}

Error refused(const std::string& what, const fetch::Answer& answer) {
  const ErrorCode code = answer.status == kConflict   ? ErrorCode::conflict
                         : answer.status == kNotFound ? ErrorCode::not_found
                         : is_final(answer.status)    ? ErrorCode::invalid_input
                                                      : ErrorCode::io;
  return Error{code, "the server does not take " + what + ": " + refusal_in_words(answer)};
}

std::string path_of(const std::string& id, const char* what) {
  return kDeployments + fetch::percent_encoded(id) + "/" + what;
}

}  // namespace

std::string_view to_string(Progress progress) {
  static constexpr std::array<std::string_view, 5> kNames{"downloading", "installing", "rebooting",
                                                          "success", "failure"};
  return kNames.at(static_cast<std::size_t>(progress));
}

Result<std::optional<Offer>> Deployments::next(const store::Provides& provides) {
  PB_TRY(const fetch::Answer answer, ask(provides));
  if (answer.status == kNoContent) return std::optional<Offer>{};
  if (answer.status != 200) return refused("the question for a deployment", answer);
  PB_TRY(Offer offer, offer_of(answer.body));
  return std::optional{std::move(offer)};
}

/// Servers without the second version (the open-source one) answer 404. That is remembered until
/// the next login: the server compares what it is asked while a deployment is under way.
Result<fetch::Answer> Deployments::ask(const store::Provides& provides) {
  if (first_version_since_ != server_.logins()) {
    const json body{{"device_provides", provides}};
    PB_TRY(
        fetch::Answer answer,
        server_.call({"POST", kNextV2, body.dump(-1, ' ', false, json::error_handler_t::replace)}));
    if (answer.status != kNotFound) return answer;
    first_version_since_ = server_.logins();
  }
  return server_.call(
      {"GET",
       std::string{kNextV1} +
           "?artifact_name=" + fetch::percent_encoded(value_of(provides, "artifact_name")) +
           "&device_type=" + fetch::percent_encoded(value_of(provides, "device_type")),
       ""});
}

Status Deployments::report(const std::string& id, Progress progress) {
  const json body{{"status", to_string(progress)}};
  PB_TRY(const fetch::Answer answer, put(path_of(id, "status"), body.dump()));
  if (answer.success()) return Done{};
  if (answer.status == kConflict) {
    return Error{ErrorCode::conflict,
                 "the server has called the deployment off: " + refusal_in_words(answer)};
  }
  return refused("the status \"" + std::string{to_string(progress)} + "\"", answer);
}

Status Deployments::send_log(const std::string& id, const std::string& body) {
  PB_TRY(const fetch::Answer answer, put(path_of(id, "log"), body));
  if (answer.success()) return Done{};
  auto error = refused("the log of the deployment", answer);
  // The token is good, the status was taken with it: a gateway does not like what is in the log.
  if (answer.status != kForbidden) return error;
  return Error{ErrorCode::invalid_input, error.message()};
}

/// What keeps a request from the server may pass, whatever it is: the other codes are the server's.
Result<fetch::Answer> Deployments::put(const std::string& path, const std::string& body) {
  auto answer = server_.call({"PUT", path, body});
  if (!answer) return Error{ErrorCode::io, answer.error().message()};
  return answer;
}

}  // namespace patchbay::fleet
