#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "core/base/log.hpp"
#include "core/fleet/backoff.hpp"
#include "core/fleet/deployments.hpp"
#include "core/fleet/server.hpp"
#include "core/flow/consent.hpp"

namespace patchbay::fleet {

/// Tells the server how far its deployment has come, and hears then that it was called off.
///
/// Before the installation and the reboot a report that gets lost does not matter. The one before
/// the commit has to arrive, after a new login, with the settings of the next start: a system that
/// does not reach its server any more could not be updated again, so that it is rolled back when
/// the retries are used up. Waits that the server asks for use up none, up to an hour in all.
class ServerConsent final : public flow::Consent {
 public:
  struct Parts {
    Server& server;
    Deployments& deployments;
    Log& log;
    std::function<void(std::chrono::seconds)> pause;
  };
  ServerConsent(const Parts& parts, std::string deployment, Backoff backoff);

  Status ask(flow::State state) override;

 private:
  Status tell(Progress progress);
  Status confirm();
  Status be_heard();

  Parts parts_;
  std::string deployment_;
  Backoff backoff_;
};

}  // namespace patchbay::fleet
