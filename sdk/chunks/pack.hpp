#pragma once

#include <cstdint>
#include <string>

#include "patchbay/result.hpp"
#include "sdk/chunks/index.hpp"

namespace patchbay::chunks {

struct Packed {
  Index index;
  std::string image_sum;  ///< SHA-256 of the image, in hex
};

/// Cuts the image into chunks and writes the pack of them to `pack`, which appears when it is
/// complete. The same image makes the same pack. Errors name the file.
module::Result<Packed> write_pack(const std::string& image, const std::string& pack,
                                  const CutRules& rules = {});

}  // namespace patchbay::chunks
