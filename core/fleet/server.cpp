#include "core/fleet/server.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "core/fetch/url.hpp"

namespace patchbay::fleet {
namespace {

using nlohmann::json;

constexpr std::string_view kLoginPath = "/api/devices/v1/authentication/auth_requests";
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
/// "Again at once" (Retry-After: 0, or a date that is past) would be a loop without a wait.
constexpr std::chrono::seconds kShortestWait{1};

/// Tokens go into a header line: nothing but visible characters.
bool is_token(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string_view without_line_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::string refusal_in_words(const fetch::Answer& answer) {
  const json body = json::parse(answer.body, nullptr, false);
  const bool has_reason = body.is_object() && body.contains("error") && body["error"].is_string();
  return answer.status_line() +
         (has_reason ? " (" + printable(body["error"].get<std::string>()) + ")" : "");
}

Server::Server(std::unique_ptr<ServerSettings> settings, Log& log)
    : settings_{std::move(settings)}, log_{log} {
}

Result<fetch::Answer> Server::call(const Request& request) {
  want_no_wait();
  PB_TRY(const Access first, access());
  PB_TRY(fetch::Answer answer, call_with(first, request));
  // Some gateways say so of a token that has expired. It need not be that: once for each call.
  if (answer.status == kForbidden) forget();
  if (answer.status != kUnauthorized) return answer;
  log_.debug("the server does not take the token any more; logging in again");
  forget();
  PB_TRY(const Access second, access());
  return call_with(second, request);
}

Result<fetch::Answer> Server::call_with(const Access& access, const Request& request) {
  fetch::Call call;
  call.method = request.method;
  call.url = fetch::joined_url(access.url, request.path);
  call.headers = {"Authorization: Bearer " + access.token, "Accept: application/json"};
  if (!request.body.empty()) call.headers.emplace_back("Content-Type: application/json");
  call.body = request.body;
  auto answer = transport(call);
  // Another server may be there: the next login begins with the first again.
  if (!answer && settings_->urls.size() > 1) forget();
  return answer;
}

Result<fetch::Answer> Server::transport(const fetch::Call& call) {
  auto answer = settings_->transport(call);
  const std::scoped_lock lock{mutex_};
  wait_asked_ = answer ? answer->retry_after : std::nullopt;
  if (wait_asked_) wait_asked_ = std::max(*wait_asked_, kShortestWait);
  return answer;
}

/// The signature is over these very bytes.
Result<fetch::Call> Server::login_request() const {
  PB_TRY(const std::string identity, settings_->identity());
  PB_TRY(const std::string public_key, settings_->key->public_pem());
  json body{{"id_data", identity}, {"pubkey", public_key}, {"tier", settings_->tier}};
  if (!settings_->tenant_token.empty()) body["tenant_token"] = settings_->tenant_token;
  fetch::Call call;
  call.method = "POST";
  call.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  PB_TRY(const std::string signature, settings_->key->sign(call.body));
  call.headers = {"Content-Type: application/json", "Accept: application/json",
                  "X-MEN-Signature: " + signature};
  return call;
}

Result<Access> Server::access() {
  auto known = known_access();
  if (known) return *std::move(known);
  const std::scoped_lock one_at_a_time{login_};
  known = known_access();
  return known ? Result<Access>{*std::move(known)} : log_in_now();
}

Status Server::log_in() {
  const std::scoped_lock one_at_a_time{login_};
  PB_CHECK(log_in_now());
  return Done{};
}

std::optional<Access> Server::known_access() const {
  const std::scoped_lock lock{mutex_};
  return access_.token.empty() ? std::nullopt : std::optional{access_};
}

Result<Access> Server::log_in_now() {
  auto access = log_in_somewhere();
  {
    const std::scoped_lock lock{mutex_};
    access_ = access ? *access : Access{};
    if (access) ++logins_;
  }
  if (listener_) listener_(access ? *access : Access{});
  if (access) log_.info("the server " + access->url + " has accepted this device");
  return access;
}

Result<Access> Server::log_in_somewhere() {
  PB_TRY(const fetch::Call request, login_request());
  std::optional<Error> refused;
  for (const std::string& url : settings_->urls) {
    auto access = log_in_at(url, request);
    if (access) return access;
    refused = refused ? Error{refused->code(), refused->message() + "; " + access.error().message()}
                      : access.error();
  }
  return refused.value_or(Error{ErrorCode::not_found, "no server is configured"});
}

Result<Access> Server::log_in_at(const std::string& url, const fetch::Call& request) {
  fetch::Call call = request;
  call.url = fetch::joined_url(url, kLoginPath);
  PB_TRY(const fetch::Answer answer, transport(call));
  if (answer.status == kUnauthorized) {
    return Error{ErrorCode::denied, "the server " + url + " does not accept this device (yet): " +
                                        refusal_in_words(answer) + "; accept it there"};
  }
  const std::string_view token = without_line_end(answer.body);
  if (answer.status == 200 && is_token(token)) return Access{std::string{token}, url};
  return Error{ErrorCode::io,
               "the server " + url + " did not let this device log in: " +
                   (answer.status == 200 ? "its answer holds no token" : refusal_in_words(answer))};
}

void Server::want_no_wait() {
  const std::scoped_lock lock{mutex_};
  wait_asked_.reset();
}

void Server::forget() {
  const std::scoped_lock lock{mutex_};
  access_.token.clear();
}

Status Server::renew() {
  PB_TRY(others_, settings_->renewed());
  if (!others_->key) others_->key = settings_->key;
  restore();
  return Done{};
}

void Server::restore() {
  const std::scoped_lock no_login{login_};
  std::swap(settings_, others_);
  forget();
}

unsigned Server::logins() const {
  const std::scoped_lock lock{mutex_};
  return logins_;
}

std::optional<std::chrono::seconds> Server::wait_asked() const {
  const std::scoped_lock lock{mutex_};
  return wait_asked_;
}

}  // namespace patchbay::fleet
