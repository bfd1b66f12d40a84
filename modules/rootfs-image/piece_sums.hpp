#pragma once

#include <string>

#include "patchbay/context.hpp"
#include "sdk/slot/piece_sums.hpp"

namespace patchbay::rootfs_image {

/// The piece sums of a root image, from its artifact's meta-data (docs/artifact-format.md):
///
///     "pieces": {"of": SHA-256 of the image, "size": BYTES, "sha256": SHA-256 of each, joined}
///
/// None if the artifact has none, or if they are not those `of` the image that it promises: a tool
/// that did not know of them has changed the image since. Fails where they cannot be read.
module::Result<slot::PieceSums> read_piece_sums(const module::Context& context,
                                                const std::string& promised_sum);

}  // namespace patchbay::rootfs_image
