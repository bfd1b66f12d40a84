#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/request_key.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "core/fetch/call.hpp"

/// The server's device API, Mender's: identity, authorisation, deployments, inventory.
namespace patchbay::fleet {

struct ServerSettings {
  std::vector<std::string> urls;  ///< in the order in which they are tried
  std::string tenant_token;       ///< empty: none
  std::string tier = "standard";  ///< DeviceTier
  /// How a call is made: fetch::call with the device's options.
  std::function<Result<fetch::Answer>(const fetch::Call&)> transport;
  /// Who the device is, asked at every login (read_identity).
  std::function<Result<std::string>()> identity;
  /// By which the server knows the device.
  std::shared_ptr<const artifact::RequestKey> key;
  /// These as the next start would have them; without a key: the same.
  std::function<Result<std::unique_ptr<ServerSettings>>()> renewed;
};

/// What a server gives a device that it has accepted.
struct Access {
  std::string token;  ///< empty: none
  std::string url;    ///< of the server
};

/// The server that has accepted this device. It logs in when the first call needs it, and again
/// when the server has forgotten the token or, where there are several, when it cannot be reached.
/// Blocks; any thread, one login at a time.
class Server {
 public:
  Server(std::unique_ptr<ServerSettings> settings, Log& log);

  struct Request {
    std::string method;
    std::string path;  ///< "/api/devices/v1/..."
    std::string body;  ///< JSON; empty: none
  };
  /// The answer, whatever its status. Error: not reached, or the device is not accepted.
  Result<fetch::Answer> call(const Request& request);

  /// Logs in, whether there is a token or not.
  Status log_in();
  /// Drops the token: the next call logs in anew.
  void forget();
  /// Goes on with the settings as the next start would have them. Error: there are none; nothing
  /// has changed then. This and restore(): on the only thread that calls; log_in() may be on
  /// others.
  Status renew();
  /// Goes back to the settings before renew().
  void restore();
  /// How often it has logged in: what was agreed with the server before the last time is void.
  [[nodiscard]] unsigned logins() const;
  /// How long the last answer asked to wait before the next call (Retry-After); never less than a
  /// second.
  [[nodiscard]] std::optional<std::chrono::seconds> wait_asked() const;

  /// `listener` hears how every login ends, on the thread that has made it: the access, or an empty
  /// one. Before the first call.
  void on_login(std::function<void(const Access&)> listener) { listener_ = std::move(listener); }

 private:
  /// The access there is, after a login if there was none.
  Result<Access> access();
  [[nodiscard]] std::optional<Access> known_access() const;
  Result<Access> log_in_now();
  Result<Access> log_in_somewhere();
  Result<Access> log_in_at(const std::string& url, const fetch::Call& request);
  [[nodiscard]] Result<fetch::Call> login_request() const;
  Result<fetch::Answer> call_with(const Access& access, const Request& request);
  Result<fetch::Answer> transport(const fetch::Call& call);
  void want_no_wait();

  std::unique_ptr<ServerSettings> settings_;
  std::unique_ptr<ServerSettings> others_;  // before the last renew()
  Log& log_;
  std::function<void(const Access&)> listener_;
  std::mutex login_;  // held while one is under way

  mutable std::mutex mutex_;  // of what follows
  Access access_;
  unsigned logins_ = 0;
  std::optional<std::chrono::seconds> wait_asked_;
};

/// What a server says about a refusal: the `error` of its JSON, else nothing. Beside the status
/// line: "409 Conflict (deployment aborted)".
std::string refusal_in_words(const fetch::Answer& answer);

}  // namespace patchbay::fleet
