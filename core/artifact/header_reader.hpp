#pragma once

#include "core/artifact/artifact.hpp"
#include "core/artifact/limits.hpp"
#include "core/base/byte_source.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Reads header.tar from `expanded` (its bytes after decompression) to the end of the stream:
/// header-info, scripts, then type-info and meta-data of each payload, in this order and complete.
Result<Header> read_header(ByteSource& expanded, const Limits& limits);

/// Reads header-augment.tar of an artifact whose signed part has said `header`: header-info, which
/// may only repeat that, type-info and meta-data of the only payload, of the same type.
Result<PayloadHeader> read_header_augment(ByteSource& expanded, const Header& header,
                                          const Limits& limits);

}  // namespace patchbay::artifact
