#pragma once

#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// Brings an image to a UBI volume, which the kernel takes as a whole, from its first byte on; not
/// at all if the volume has the image already and its sum is promised. Settling and reading back
/// are the caller's.
module::Result<WrittenImage> write_volume(const ImageRequest& request, const ImageSource& source,
                                          DeviceIo& io);

}  // namespace patchbay::slot
