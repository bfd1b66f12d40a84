#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/log.hpp"
#include "core/control/bus.hpp"
#include "core/control/forwarder.hpp"
#include "core/fetch/source.hpp"
#include "core/fleet/server.hpp"

namespace patchbay::control {

/// Lets add-ons (remote terminal, configuration, monitoring) talk to the server with the daemon's
/// token, through a forwarder on this device: they know nothing of certificates and proxies. Where
/// there is no message bus there are no add-ons, and no port is opened.
class AddOns {
 public:
  /// Error: as of Bus::start. `server` has not been called yet, and is not called by others once
  /// this is gone.
  static Result<std::unique_ptr<AddOns>> start(fleet::Server& server,
                                               const fetch::TransferOptions& options, Log& log);
  AddOns(const AddOns&) = delete;
  AddOns& operator=(const AddOns&) = delete;
  ~AddOns();

 private:
  AddOns(fleet::Server& server, const fetch::TransferOptions& options, Log& log);
  Token token();
  Token current();
  bool fetch();
  void log_in();
  void heard(const fleet::Access& access);

  fleet::Server& server_;
  const fetch::TransferOptions options_;
  Log& log_;
  std::mutex mutex_;  // of what follows
  fleet::Access access_;
  bool is_fetching_ = false;
  bool is_ending_ = false;
  std::unique_ptr<Forwarder> forwarder_;  // from the first token on that somebody can get
  std::unique_ptr<Bus> bus_;
  std::jthread login_;
};

}  // namespace patchbay::control
