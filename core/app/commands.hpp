#pragma once

#include "core/app/device.hpp"
#include "core/app/options.hpp"
#include "core/app/presenter.hpp"
#include "core/base/log.hpp"

namespace patchbay::app {

/// What every command gets.
struct Session {
  const Options& options;
  const Device& device;
  Log& log;
  Presenter& presenter;
};

// Commands that change the device; they hold its lock.
int install(const Session& session);
int commit(const Session& session);
int roll_back(const Session& session);
int resume(const Session& session);

// Commands of a device that has a server.
int daemon(const Session& session);          ///< until a signal ends it
int check_update(const Session& session);    ///< has the running daemon look for a deployment
int send_inventory(const Session& session);  ///< has it report the inventory
int make_key(const Session& session);        ///< "bootstrap" of Mender's client up to 3.x

// Commands that look.
int show_artifact(const Session& session);
int show_provides(const Session& session);
int status(const Session& session);
int plan(const Session& session);
int show_config(const Session& session);

/// `config check`: works on a configuration that no other command would accept.
int check_config(const Options& options);

/// On a device that has recorded nothing yet: takes name and provides from `bootstrap.mender` in
/// the data store, an artifact with an empty payload. Verified like any other; refused, it stays
/// where it is. Needs the lock.
Status apply_bootstrap(const Session& session, store::Store& store);

/// The whole program.
int run(int argc, const char* const* argv);

}  // namespace patchbay::app
