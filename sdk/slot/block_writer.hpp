#pragma once

#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// Brings an image to the start of a device that can be changed in places: what is there already is
/// not written. Settling and reading back are the caller's.
module::Result<WrittenImage> write_blocks(const ImageRequest& request, const ImageSource& source,
                                          DeviceIo& io);

}  // namespace patchbay::slot
