#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/fleet/server.hpp"
#include "core/store/provides.hpp"

namespace patchbay::fleet {

/// What the server wants installed.
struct Offer {
  std::string id;   ///< of the deployment; opaque
  std::string url;  ///< of the artifact
};

/// How far a deployment has come, in the server's words.
enum class Progress : std::uint8_t { downloading, installing, rebooting, success, failure };
std::string_view to_string(Progress progress);

/// The deployments part of the device API.
class Deployments {
 public:
  explicit Deployments(Server& server) : server_{server} {}

  /// Asks for work; nothing when there is none. `provides` is all that the device provides, with
  /// `device_type`; while a deployment is under way the server wants to hear the same again.
  Result<std::optional<Offer>> next(const store::Provides& provides);

  /// Error code `conflict`: the server has called the deployment off; `not_found`: it knows of no
  /// such deployment; `invalid_input`: it will not be taken later, either; everything else may
  /// pass.
  Status report(const std::string& id, Progress progress);

  /// `body` is what log_upload() makes. Error code `invalid_input`: it will not be taken later,
  /// either.
  Status send_log(const std::string& id, const std::string& body);

 private:
  Result<fetch::Answer> ask(const store::Provides& provides);
  Result<fetch::Answer> put(const std::string& path, const std::string& body);

  Server& server_;
  /// The login since which the server is known not to have the second version of the question.
  std::optional<unsigned> first_version_since_;
};

}  // namespace patchbay::fleet
