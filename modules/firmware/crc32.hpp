#pragma once

#include <cstdint>
#include <span>

namespace patchbay::firmware {

/// CRC-32 as in zip and Ethernet. To go on with more bytes, pass the result of those before.
std::uint32_t crc32(std::span<const char> bytes, std::uint32_t before = 0);

}  // namespace patchbay::firmware
