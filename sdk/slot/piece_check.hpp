#pragma once

#include <cstdint>
#include <optional>

#include "sdk/slot/image_io.hpp"
#include "sdk/slot/image_writer.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// Reads the first `size` bytes of the device on two threads for each processor of the machine, at
/// most 4, and holds them against the sums that the request has, which have to fit() the size.
/// The first piece that is different; nothing if all are as they should be.
module::Result<std::optional<std::uint64_t>> find_different_piece(const ImageRequest& request,
                                                                  std::uint64_t size,
                                                                  const DeviceIo& io);

}  // namespace patchbay::slot
