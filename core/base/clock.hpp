#pragma once

#include <chrono>
#include <optional>

namespace patchbay {

/// A point on the monotonic clock after which a wait is given up; none means wait for ever.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline never() { return Deadline{}; }
  static Deadline after(std::chrono::milliseconds duration) {
    Deadline deadline;
    deadline.at_ = Clock::now() + duration;
    return deadline;
  }

  [[nodiscard]] bool passed() const { return at_ && Clock::now() >= *at_; }
  /// The earlier of the two.
  [[nodiscard]] Deadline min(Deadline other) const {
    if (!at_) return other;
    if (!other.at_) return *this;
    return *at_ < *other.at_ ? *this : other;
  }
  /// Time left as poll(2) wants it: milliseconds rounded up, 0 when passed, -1 for never.
  [[nodiscard]] int poll_timeout() const;

 private:
  std::optional<Clock::time_point> at_;
};

}  // namespace patchbay
