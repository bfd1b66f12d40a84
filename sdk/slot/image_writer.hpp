#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "patchbay/result.hpp"
#include "sdk/slot/piece_sums.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::slot {

/// The next bytes of the image; 0 at its end. Blocks.
using ImageSource = std::function<module::Result<std::size_t>(std::span<std::byte>)>;
/// How far, in percent of the whole: writing, then reading back.
using ImageProgress = std::function<void(unsigned percent)>;

struct ImageRequest {
  SlotDevice target;
  /// Bytes that will come, where that is known. Then nothing is written if they do not fit.
  std::optional<std::uint64_t> size{};
  /// SHA-256 in hex that the image has to have, where that is known. Nobody hashes the stream then.
  std::string expected_sum{};
  /// Sums of its pieces, where they are known: then reading back uses several processors.
  PieceSums pieces{};
  ImageProgress progress{};
};

struct WrittenImage {
  std::uint64_t size = 0;     ///< bytes of the image
  std::uint64_t written = 0;  ///< bytes that differed from what was there, and were written
  std::string sum;            ///< its SHA-256 in hex: as promised, or as it came
};

/// Puts an image at the start of a device that nobody else uses, reads it back, and compares the
/// SHA-256 of what is there with the one promised (or of each piece with that of the piece) or,
/// without a promise, with that of what came.
///
/// - What is equal already is not written, in blocks of 64 KiB. If that is all of it, comparing it
///   was the reading back. Where nothing was equal for 8 MiB, samples of each further 2 MiB
///   decide whether they are compared at all.
/// - Reads and writes go past the page cache (O_DIRECT) in parts of up to 2 MiB; where the file
///   system of a regular file cannot do that, every 8 MiB are synced before the next. Memory in use
///   is 8 MiB, whatever the image's size.
/// - What lies behind the image on the device stays as it is.
/// - A UBI volume is written as a whole, with the kernel's volume update; not at all if it has the
///   image already and the sum of that is expected.
///
/// Everything is on the device when it returns. Uses one more thread while it runs. After an error
/// the device holds something between old and new.
module::Result<WrittenImage> write_image(const ImageRequest& request, const ImageSource& source);

/// Whether the device has the image already, as far as the sums of its pieces tell; false without
/// them, without a size, and where it cannot be read (a UBI volume whose update was cut): writing
/// it will tell why. Reads the device up to the first difference, past the page cache.
module::Result<bool> holds_image(const ImageRequest& request);

}  // namespace patchbay::slot
