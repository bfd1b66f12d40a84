#include "core/base/engine_lock.hpp"

namespace patchbay {

std::unique_lock<std::mutex> lock_engines() {
  static std::mutex engines;
  return std::unique_lock{engines};
}

}  // namespace patchbay
