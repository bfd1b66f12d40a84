#pragma once

#include <string_view>

#include "core/artifact/limits.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Whether `text` is exactly one JSON object that every reader understands alike: valid UTF-8 and
/// no byte order mark, no key twice in one object, nothing but white space behind it, nesting and
/// number of keys within the limits. Uses memory in proportion to `text`, never the call stack.
Status check_json_object(std::string_view text, const Limits& limits);

}  // namespace patchbay::artifact
