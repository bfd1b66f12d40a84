#pragma once

#include <cstdint>
#include <string>

#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// The SHA-256, in hex, of the first `size` bytes of the device.
module::Result<std::string> sum_on_device(const ImageRequest& request, std::uint64_t size,
                                          const DeviceIo& io);

/// Fails unless the device has the image, read from there.
module::Status read_back(const ImageRequest& request, const WrittenImage& image,
                         const DeviceIo& io);

}  // namespace patchbay::slot
