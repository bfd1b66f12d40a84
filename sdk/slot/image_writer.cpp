#include "sdk/slot/image_writer.hpp"

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/block_writer.hpp"
#include "sdk/slot/image_io.hpp"
#include "sdk/slot/read_back.hpp"
#include "sdk/slot/volume_writer.hpp"

namespace patchbay::slot {

module::Result<WrittenImage> write_image(const ImageRequest& request, const ImageSource& source) {
  if (request.size) {
    PATCHBAY_CHECK(check_size(request, *request.size));
    PATCHBAY_CHECK(check_pieces(request, *request.size));
  }
  PATCHBAY_TRY(auto io, DeviceIo::open(request.target));
  // What an earlier attempt has left in the device's cache counts only once it is on the device.
  PATCHBAY_CHECK(io.settle());
  const auto write = request.target.kind == Kind::ubi_volume ? write_volume : write_blocks;
  PATCHBAY_TRY(auto image, write(request, source, io));
  // Where nothing was written, all of it has been read from there and compared already.
  if (image.written == 0) return image;
  PATCHBAY_CHECK(io.settle());
  PATCHBAY_CHECK(read_back(request, image, io));
  return image;
}

module::Result<bool> holds_image(const ImageRequest& request) {
  if (!request.size || !request.pieces.fit(*request.size)) return false;
  if (*request.size > request.target.size) return false;
  PATCHBAY_TRY(auto io, DeviceIo::open(request.target));
  PATCHBAY_CHECK(io.settle());
  const auto held = has_image(request, io);
  return held && *held;
}

}  // namespace patchbay::slot
