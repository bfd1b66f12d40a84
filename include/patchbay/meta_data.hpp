#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::module {

/// For meta-data of which a module ignores what it does not know: an error if one of `keys` is none
/// of `known`, but can hardly mean anything else: a letter is missing, added, replaced or swapped
/// with its neighbour, is in the other case, or is `_` for `-`. To ignore such a key would do what
/// nobody asked for.
Status refuse_misspelt_keys(const std::vector<std::string>& keys,
                            std::span<const std::string_view> known);

}  // namespace patchbay::module
