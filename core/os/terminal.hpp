#pragma once

#include <string>

#include "core/base/result.hpp"

namespace patchbay::os {

/// Asks the person at the terminal for a secret, which is not shown while it is typed. `prompt` is
/// printed as it is. Blocks until a line has been typed. not_found when this process has no
/// terminal; cancelled when the input ends.
Result<std::string> ask_secret(const std::string& prompt);

}  // namespace patchbay::os
