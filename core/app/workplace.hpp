#pragma once

#include <memory>

#include "core/app/commands.hpp"
#include "core/app/console.hpp"
#include "core/app/deployment_log.hpp"
#include "core/flow/consent.hpp"
#include "core/flow/updater.hpp"

/// Internal to core/app.
namespace patchbay::app {

/// The device's data, held and open for change, with the flow over it.
class Workplace {
 public:
  /// Error: somebody else holds it, or it cannot be opened. `consent` as for flow::Updater.
  static Result<std::unique_ptr<Workplace>> open(const Session& session,
                                                 flow::Consent* consent = nullptr);

  flow::Updater& updater() { return updater_; }
  store::Store& store() { return store_; }
  Console& console() { return console_; }
  DeploymentLog& log() { return log_; }

 private:
  Workplace(const Session& session, os::FileLock lock, store::Store store, flow::Consent* consent);

  os::FileLock lock_;
  store::Store store_;
  DeploymentLog log_;
  Console console_;
  flow::Updater updater_;
};

}  // namespace patchbay::app
