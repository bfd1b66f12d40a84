#pragma once

#include <chrono>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace patchbay::app {

/// What wakes a daemon: time, and signals. SIGUSR1 asks for a look at the server's deployments,
/// SIGUSR2 for a report of the inventory, SIGTERM and SIGINT for the end. That comes at once when
/// the daemon is not waiting: a server that does not answer holds nobody up. One object a process;
/// after it, SIGUSR1 and SIGUSR2 are ignored, also by the program that this process becomes, until
/// that has one of its own.
class Wakeups {
 public:
  static Result<Wakeups> create();
  Wakeups(Wakeups&&) noexcept = default;
  Wakeups& operator=(Wakeups&&) = delete;
  ~Wakeups();

  /// Waits until `deadline`, or until somebody has asked for something since the last take().
  void wait(Deadline deadline) const;

  struct Asked {
    bool poll = false;
    bool inventory = false;
    bool stop = false;
  };
  /// What was asked for since the last time.
  [[nodiscard]] Asked take() const;

  /// While it lives, SIGTERM and SIGINT end the process where it stands, as a power cut would: the
  /// next start goes on with the update.
  class Busy {
   public:
    Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy();
  };

 private:
  explicit Wakeups(UniqueFd bell) : bell_{std::move(bell)} {}
  UniqueFd bell_;  ///< readable when something was asked for
};

}  // namespace patchbay::app
