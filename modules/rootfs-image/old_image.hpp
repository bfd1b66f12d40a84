#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"
#include "sdk/slot/slot_device.hpp"

namespace patchbay::rootfs_image {

/// The image at the beginning of a device that is in use. Read past the page cache: there, a
/// mounted file system has its superblock and that of its journal as it would write them, which on
/// a read-only mount it never does. Memory in use is 512 KiB.
class OldImage {
 public:
  /// The first `size` bytes of the device.
  static module::Result<OldImage> open(const slot::SlotDevice& device, std::uint64_t size);

  /// As many bytes as there are, up to all of `bytes`.
  module::Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset);

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  OldImage(const slot::SlotDevice& device, std::uint64_t size, module::Fd fd);
  module::Result<std::span<const std::byte>> piece_at(std::uint64_t offset, std::uint64_t count);
  module::Status read_around(std::uint64_t offset, std::uint64_t count);

  std::string path_;
  std::uint64_t start_;
  std::uint64_t size_;
  module::Fd fd_;
  std::unique_ptr<std::byte, Free> buffer_;
  std::uint64_t at_ = 0;  // what the buffer has
  std::size_t have_ = 0;
};

}  // namespace patchbay::rootfs_image
