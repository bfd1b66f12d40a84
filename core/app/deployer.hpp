#pragma once

#include <optional>
#include <string>

#include "core/app/commands.hpp"
#include "core/fleet/deployment_record.hpp"
#include "core/fleet/deployments.hpp"
#include "core/fleet/server.hpp"
#include "core/fleet/server_consent.hpp"
#include "core/flow/journal.hpp"
#include "core/flow/outcome.hpp"
#include "core/store/provides.hpp"

/// Internal to core/app.
namespace patchbay::app {

class Workplace;

/// Where the daemon cannot run, because of `why`: a deployment that is under way ends all the same.
/// An update that takes the device its key, or the address of its server, would stay otherwise.
void undo_deployment(const Session& session, const Error& why);

/// Why the device has no time for a deployment: `pending`, or a command at work.
std::string who_is_first(const std::optional<flow::Journal>& pending);

/// The life of a deployment, across reboots and power cuts: what the server offers, its update, and
/// the report of its end. One thread.
class Deployer {
 public:
  Deployer(const Session& session, fleet::Server& server);

  /// Asks the server for work; nothing when there is none.
  Result<std::optional<fleet::Offer>> ask();

  /// Installs what is offered. Error: it could not be begun, or its end is not on record; go_on()
  /// is for the latter.
  Result<fleet::DeploymentRecord> carry_out(const fleet::Offer& offer);

  /// The deployment that is not over: its update is in progress, or its end is to be reported. A
  /// damaged record is mended, or set aside.
  [[nodiscard]] Result<std::optional<fleet::DeploymentRecord>> on_record() const;
  /// Brings the update of a deployment on record to its end. Error: it does not go on now.
  Result<fleet::DeploymentRecord> go_on(fleet::DeploymentRecord record);

  /// What became of the report of an end.
  struct Told {
    Status end = Done{};
    Status log = Done{};  ///< sent after a failure
  };
  Told tell_end(const fleet::DeploymentRecord& record);
  /// Nothing is left to be done for the deployment on record.
  Status forget();

 private:
  /// Where the artifact of an offer is now: links expire.
  Result<std::string> ask_for_link(const fleet::Offer& offer);
  Result<flow::Outcome> install(Workplace& workplace, const fleet::Offer& offer,
                                const fleet::DeploymentRecord& record);
  fleet::ServerConsent consent_to(const std::string& deployment);
  Status send_log(const fleet::DeploymentRecord& record);

  const Session& session_;
  fleet::Server& server_;
  fleet::Deployments deployments_;
  store::Provides asked_with_;  // the server wants to hear the same until the deployment has ended
};

}  // namespace patchbay::app
