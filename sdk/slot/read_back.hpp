#pragma once

#include <cstdint>
#include <string>

#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// Whether the device has the image of the request, as far as its sums tell, before any of it has
/// come. Without progress.
module::Result<bool> has_image(const ImageRequest& request, const DeviceIo& io);

/// Fails unless the device has the image, read from there.
module::Status read_back(const ImageRequest& request, const WrittenImage& image,
                         const DeviceIo& io);

}  // namespace patchbay::slot
