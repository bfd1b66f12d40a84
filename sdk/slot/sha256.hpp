#pragma once

#include <string>
#include <string_view>

#include "patchbay/result.hpp"

namespace patchbay::slot {

/// SHA-256 of a small text, in hex.
module::Result<std::string> sha256_of(std::string_view text);

}  // namespace patchbay::slot
