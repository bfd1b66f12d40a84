#pragma once

#include <string_view>

namespace patchbay::app {

/// Letters A to Z count as a to z; the locale has no say.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// How many single letters must be added, removed, replaced or swapped with their neighbour to make
/// one word of the other, ignoring case.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace patchbay::app
