#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.hpp"

/// What libFuzzer calls, and replay_main.cpp in builds without it. Has to survive any input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace patchbay::fuzz {

inline ByteSpan input_bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span{data, size});
}

}  // namespace patchbay::fuzz
