#pragma once

#include <memory>

#include "core/app/commands.hpp"
#include "core/app/console.hpp"
#include "core/app/deployment_log.hpp"
#include "core/app/device_consent.hpp"
#include "core/flow/updater.hpp"

/// Internal to core/app.
namespace patchbay::app {

/// The device's data, held and open for change, with the flow over it.
class Workplace {
 public:
  /// Error: somebody else holds it, or it cannot be opened. `server`: who has ordered the
  /// update, if somebody else than the caller has.
  static Result<std::unique_ptr<Workplace>> open(const Session& session,
                                                 flow::Consent* server = nullptr);

  flow::Updater& updater() { return updater_; }
  store::Store& store() { return store_; }
  Console& console() { return console_; }
  DeploymentLog& log() { return log_; }

 private:
  Workplace(const Session& session, os::FileLock lock, store::Store store, flow::Consent* server);

  os::FileLock lock_;
  store::Store store_;
  DeploymentLog log_;
  Console console_;
  DeviceConsent consent_;
  flow::Updater updater_;
};

}  // namespace patchbay::app
