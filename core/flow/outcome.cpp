#include "core/flow/outcome.hpp"

#include <array>

namespace patchbay::flow {

std::string_view to_string(End end) {
  static constexpr std::array<std::string_view, 6> kNames{
      "committed", "waiting-for-commit", "stopped", "untouched", "rolled-back", "inconsistent"};
  return kNames.at(static_cast<std::size_t>(end));
}

}  // namespace patchbay::flow
