#pragma once

#include <chrono>
#include <optional>

namespace patchbay::fleet {

/// How long to wait before what has failed is tried again: each wait three times, from a minute on,
/// doubled up to the longest. Mender's schedule (device API, RetryPollIntervalSeconds and
/// RetryPollCount).
class Backoff {
 public:
  /// With `retries` 0 it ends once the longest wait has been used three times; otherwise it goes on
  /// at the longest until so many are used up. A longest wait of less than a minute is the only
  /// one.
  Backoff(std::chrono::seconds longest, int retries);

  /// The next wait; nothing: give up.
  std::optional<std::chrono::seconds> next();
  /// It has worked, or something else is tried.
  void reset() { failures_ = 0; }

 private:
  [[nodiscard]] std::chrono::seconds wait(int step) const;

  std::chrono::seconds longest_;
  std::chrono::seconds shortest_;
  int retries_;
  int failures_ = 0;
};

}  // namespace patchbay::fleet
