#include "core/base/clock.hpp"

#include <algorithm>
#include <limits>

namespace patchbay {

int Deadline::poll_timeout() const {
  if (!at_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at_ - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace patchbay
