#pragma once

#include <string_view>

#include "core/base/result.hpp"
#include "core/host/protocol.hpp"

/// Answers to questions, matched byte for byte: no blanks, no other case, no second line. Anything
/// else is module_failed and quotes it. Internal to core/host.
namespace patchbay::host {

/// "Yes", "No"; empty means No.
Result<bool> parse_yes_no(Call question, std::string_view answer);

/// "No", "Yes", "Automatic"; empty means No.
Result<Reboot> parse_reboot(Call question, std::string_view answer);

}  // namespace patchbay::host
