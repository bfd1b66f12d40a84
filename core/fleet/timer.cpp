#include "core/fleet/timer.hpp"

#include <algorithm>
#include <utility>

namespace patchbay::fleet {
namespace {

constexpr double kSpread = 0.1;

}  // namespace

Timer::Timer(const Settings& settings, std::function<double()> spread)
    : interval_{std::max(settings.interval, std::chrono::seconds{1})},
      backoff_{settings.longest_retry, settings.retries},
      spread_{std::move(spread)} {
}

void Timer::begin(Clock::time_point now) {
  const std::chrono::duration<double> wait = interval_ * (1 + kSpread * spread_());
  due_ = now + std::chrono::duration_cast<Clock::duration>(wait);
}

bool Timer::failed(Clock::time_point now, std::optional<std::chrono::seconds> asked) {
  const auto wait = asked ? asked : backoff_.next();
  if (wait) due_ = now + *wait;
  return wait.has_value();
}

}  // namespace patchbay::fleet
