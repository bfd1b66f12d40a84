#pragma once

#include <string>

#include "core/base/bytes.hpp"

namespace patchbay::artifact {

/// What bytes that should have been something else look like, for the person who has to find out
/// which file they picked: `it is gzip data`, `it starts with "<!DOCTYPE html" (a web page?)`.
/// Empty when nothing can be said.
std::string content_hint(ByteSpan front);

}  // namespace patchbay::artifact
