#include "core/fleet/backoff.hpp"

#include <algorithm>

namespace patchbay::fleet {
namespace {

constexpr std::chrono::seconds kShortest{60};
constexpr int kTimesEach = 3;

}  // namespace

Backoff::Backoff(std::chrono::seconds longest, int retries)
    : longest_{std::max(longest, std::chrono::seconds{1})},
      shortest_{std::min(kShortest, longest_)},
      retries_{retries} {
}

std::optional<std::chrono::seconds> Backoff::next() {
  ++failures_;
  if (retries_ > 0 && failures_ > retries_) return std::nullopt;
  const int step = (failures_ - 1) / kTimesEach;
  if (retries_ <= 0 && step >= 1 && wait(step) == wait(step - 1)) return std::nullopt;
  return wait(step);
}

/// The shortest doubled `step` times, at most the longest.
std::chrono::seconds Backoff::wait(int step) const {
  auto wait = shortest_;
  for (int i = 0; i < step && wait < longest_; ++i)
    wait *= 2;
  return std::min(wait, longest_);
}

}  // namespace patchbay::fleet
