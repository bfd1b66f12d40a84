#include "sdk/slot/volume_writer.hpp"

#include <cstring>

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/read_back.hpp"

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

Status require_equal(const ImageRequest& request, std::span<const std::byte> fresh,
                     std::uint64_t offset, const DeviceIo& io) {
  const Buffer old;
  PATCHBAY_CHECK(io.read(old.first(fresh.size()), offset));
  if (std::memcmp(old.all().data(), fresh.data(), fresh.size()) == 0) return Done{};
  return Error{"the image is another one than the artifact says, by its SHA-256 " +
               request.expected_sum + " or those of its pieces; the artifact was made wrong"};
}

}  // namespace

Result<WrittenImage> write_volume(const ImageRequest& request, const ImageSource& source,
                                  DeviceIo& io) {
  if (!request.size)
    return Error{"a UBI volume can be written only if the client announces the image's size"};
  // A volume whose update was cut cannot be read, and holds nothing.
  const auto held = has_image(request, io);
  const bool there = held && *held;
  if (!there) PATCHBAY_CHECK(io.begin_volume_update(*request.size));
  Arrival arrival{request, source};
  const Buffer buffer;
  while (true) {
    const auto offset = arrival.size();
    PATCHBAY_TRY(const auto count, arrival.fill(buffer.all()));
    if (count == 0) break;
    const auto bytes = buffer.first(count);
    PATCHBAY_CHECK(there ? require_equal(request, bytes, offset, io) : io.write(bytes, offset));
  }
  return arrival.finish(there ? 0 : arrival.size());
}

}  // namespace patchbay::slot
