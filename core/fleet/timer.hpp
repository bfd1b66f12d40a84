#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include "core/fleet/backoff.hpp"

namespace patchbay::fleet {

/// When something that is done again and again is due: at a regular interval, sooner after a
/// failure. The interval is longer or shorter by up to a tenth, each time, so that devices which
/// were switched on together do not stay together.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;
  struct Settings {
    std::chrono::seconds interval;
    std::chrono::seconds longest_retry;  ///< RetryPollIntervalSeconds
    int retries;                         ///< RetryPollCount
  };

  /// Due at once. `spread` yields numbers from -1 to 1.
  Timer(const Settings& settings, std::function<double()> spread);

  [[nodiscard]] Clock::time_point due() const { return due_; }
  [[nodiscard]] bool is_due(Clock::time_point now) const { return now >= due_; }
  /// It is being done: due again after the interval.
  void begin(Clock::time_point now);
  void worked() { backoff_.reset(); }
  /// It was done and failed: due again after what the server has asked for, else as Backoff says;
  /// when that gives up (false), the interval goes on.
  bool failed(Clock::time_point now, std::optional<std::chrono::seconds> asked);
  /// Due at `now`.
  void pull(Clock::time_point now) { due_ = std::min(due_, now); }

 private:
  std::chrono::seconds interval_;
  Backoff backoff_;
  std::function<double()> spread_;
  Clock::time_point due_;  // the beginning of time: at once
};

}  // namespace patchbay::fleet
