#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/app/commands.hpp"
#include "core/app/deployer.hpp"
#include "core/app/wakeups.hpp"
#include "core/base/log.hpp"
#include "core/fleet/server.hpp"
#include "core/fleet/timer.hpp"
#include "core/flow/scripts.hpp"
#include "core/os/program_file.hpp"

/// Internal to core/app.
namespace patchbay::app {

/// Does what a server orders: looks for deployments and reports the inventory, each at its
/// interval, and carries deployments out, across reboots and power cuts. One thread.
class Daemon {
 public:
  /// The session's device has at least one server and a key. `program` is this one; null: it cannot
  /// be started again by itself.
  Daemon(const Session& session, fleet::Server& server, Wakeups& wakeups,
         const os::ProgramFile* program);

  enum class End : std::uint8_t {
    asked_for,
    upgraded,  ///< another program is in the place of this one
  };
  /// Until somebody asks for the end, or the program was upgraded. Neither ends a deployment that
  /// is under way.
  End run();

 private:
  [[nodiscard]] bool is_upgraded() const;
  bool run_scripts(std::string_view group);
  bool begin_sync();
  bool end_sync(bool worked);

  void report_inventory();
  Status send_inventory();

  void poll();
  bool is_occupied();
  Result<std::optional<fleet::Offer>> ask();

  void carry_out(const fleet::Offer& offer);
  /// Goes on with a deployment that is on record, and tells the server how it has ended. Whether
  /// that is behind us; why not has been logged.
  bool settle();
  bool deliver(const fleet::DeploymentRecord& record);

  const Session& session_;
  Log& log_;
  fleet::Server& server_;
  Deployer deployer_;
  flow::Scripts scripts_;
  Wakeups& wakeups_;
  const os::ProgramFile* program_;
  fleet::Timer poll_timer_;
  fleet::Timer inventory_timer_;
  std::string inventory_sent_;      // the last report that was taken
  unsigned inventory_sent_in_ = 0;  // the login in which it was
  unsigned inventory_tried_in_ = 0;
};

}  // namespace patchbay::app
