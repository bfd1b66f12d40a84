#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"

namespace patchbay::artifact {

/// Standard base64 (RFC 4648, "+" and "/", padded), strictly: no white space, no missing padding,
/// no bits left over. Nothing when `text` is not that.
std::optional<ByteVector> decode_base64(std::string_view text);

/// The same way back.
std::string encode_base64(ByteSpan bytes);

}  // namespace patchbay::artifact
