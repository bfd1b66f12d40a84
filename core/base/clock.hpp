#pragma once

#include <chrono>
#include <optional>
#include <string>

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

/// The time of day as people and machines read it: "2026-11-22T02:15:30Z", ISO 8601 and RFC 3339.
std::string utc_now();
/// The same with milliseconds: "2026-11-22T02:15:30.042Z".
std::string utc_now_milliseconds();

}  // namespace patchbay
