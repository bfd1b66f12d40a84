#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "sdk/slot/image_writer.hpp"
#include "sdk/slot/sha256.hpp"

// Internal to sdk/slot.
namespace patchbay::slot {

/// Of the progress, the percent that writing is; reading back is the rest.
constexpr unsigned kWriteShare = 80;

/// Tells whoever asked that `done` bytes of the image have gone through a part of the work, which
/// goes from `from` to `from + share` percent.
void report(const ImageRequest& request, std::uint64_t done, unsigned from, unsigned share);

/// Whether an image of `size` bytes has room.
module::Status check_size(const ImageRequest& request, std::uint64_t size);

/// Whether an image of `size` bytes has the pieces that the request has sums of, if any.
module::Status check_pieces(const ImageRequest& request, std::uint64_t size);

/// An image as it comes: counted, hashed, and held against what was announced.
class Arrival {
 public:
  Arrival(const ImageRequest& request, const ImageSource& source)
      : request_{request}, source_{source} {}

  /// The next bytes, as many as there is room for unless the image ends; 0 at its end. Fails once
  /// more has come than the target has room for.
  module::Result<std::size_t> fill(std::span<std::byte> bytes);
  /// Bytes so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Fails unless as much has come as was announced.
  module::Result<WrittenImage> finish(std::uint64_t written);

 private:
  const ImageRequest& request_;
  const ImageSource& source_;
  std::uint64_t size_ = 0;
  Sha256 sum_;
};

}  // namespace patchbay::slot
