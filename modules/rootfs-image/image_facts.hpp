#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "patchbay/result.hpp"

namespace patchbay::rootfs_image {

/// How meta-data speaks of an image.
struct ImageFacts {
  std::uint64_t size = 0;  ///< bytes, at least 1
  std::string sum;         ///< SHA-256 in hex
};

/// What stands under `key` of the meta-data, whatever that is. Errors name type, key and what it
/// should be.
module::Result<ImageFacts> read_image_facts(const nlohmann::json& meta_data,
                                            const std::string& type, const std::string& key);

}  // namespace patchbay::rootfs_image
