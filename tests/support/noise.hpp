#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

namespace patchbay::testing {

/// Bytes that no compressor makes smaller, and without a period that a buffer could hide; the same
/// for the same seed.
inline std::string noise(std::size_t size, unsigned seed = 1) {
  std::mt19937_64 random{seed};
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

}  // namespace patchbay::testing
