#include "sdk/slot/arrival.hpp"

#include <algorithm>

#include "patchbay/files.hpp"

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

void report(const ImageRequest& request, std::uint64_t done, unsigned from, unsigned share) {
  const auto size = request.size.value_or(0);
  if (!request.progress || size == 0) return;
  request.progress(from + static_cast<unsigned>(std::min(done, size) * share / size));
}

Status check_size(const ImageRequest& request, std::uint64_t size) {
  if (size <= request.target.size) return Done{};
  return Error{"the image has " + std::to_string(size) + " bytes (" + module::human_size(size) +
               "), but " + request.target.path + " has only " +
               std::to_string(request.target.size) + " (" +
               module::human_size(request.target.size) + ")"};
}

Status check_pieces(const ImageRequest& request, std::uint64_t size) {
  const auto& pieces = request.pieces;
  if (pieces.piece_size() == 0 || pieces.fit(size)) return Done{};
  return Error{"the artifact has the sums of " + std::to_string(pieces.count()) + " pieces of " +
               module::human_size(pieces.piece_size()) + ", which an image of " +
               std::to_string(size) + " bytes does not have; it was made wrong"};
}

Result<std::size_t> Arrival::fill(std::span<std::byte> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    PATCHBAY_TRY(const auto count, source_(bytes.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  size_ += filled;
  PATCHBAY_CHECK(check_size(request_, size_));
  // A sum that is promised needs no computing: the client holds the stream against the manifest,
  // and reading back shows whether what is on the device has that sum, or its pieces theirs.
  if (request_.expected_sum.empty()) sum_.update(bytes.first(filled));
  report(request_, size_, 0, kWriteShare);
  return filled;
}

Result<WrittenImage> Arrival::finish(std::uint64_t written) {
  if (request_.size && *request_.size != size_)
    return Error{"the image was announced with " + std::to_string(*request_.size) +
                 " bytes, and ended after " + std::to_string(size_)};
  if (size_ == 0) return Error{"the image is empty"};
  WrittenImage image{size_, written, request_.expected_sum};
  if (!image.sum.empty()) return image;
  PATCHBAY_TRY(image.sum, sum_.finish());
  return image;
}

}  // namespace patchbay::slot
