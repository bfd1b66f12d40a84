#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"
#include "sdk/slot/slot_device.hpp"

// The device under an image, read and written in aligned pieces.
namespace patchbay::slot {

/// What a huge page holds on x86-64, and on Arm with pages of 4 KiB.
constexpr std::size_t kPiece = std::size_t{2} * 1024 * 1024;

/// Memory that O_DIRECT takes, on a huge page where the kernel has one to give: it is pinned for
/// each transfer, which otherwise costs as much as comparing what is in it. A few that are not in
/// use any more are kept for the next, whatever is in them: for a new one the kernel clears 2 MiB.
class Buffer {
 public:
  Buffer();  ///< Throws std::bad_alloc.
  [[nodiscard]] std::span<std::byte> all() const { return {bytes_.get(), kPiece}; }
  [[nodiscard]] std::span<std::byte> first(std::size_t count) const { return all().first(count); }

 private:
  struct GiveBack {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, GiveBack> bytes_;
};

/// A piece of the image, and where on the device it belongs.
struct Piece {
  Buffer buffer;
  std::size_t count = 0;  ///< bytes of the buffer in use
  std::uint64_t offset = 0;
};
/// As many go round between two threads.
constexpr std::size_t kPieces = 3;

class DeviceIo {
 public:
  /// Takes the device for itself. O_DIRECT where possible.
  static module::Result<DeviceIo> open(const SlotDevice& device);

  /// `count` rounded up to what can be transferred.
  [[nodiscard]] std::size_t aligned(std::size_t count) const {
    return (count + alignment_ - 1) / alignment_ * alignment_;
  }
  /// All of `bytes`, at `offset` of the place. Both are multiples of aligned(1), except where the
  /// device ends.
  module::Status read(std::span<std::byte> bytes, std::uint64_t offset) const;
  module::Status write(std::span<const std::byte> bytes, std::uint64_t offset);
  /// For a UBI volume: what is written next replaces all of it, `size` bytes from the start on.
  module::Status begin_volume_update(std::uint64_t size);
  /// Everything written is on the device, and what is read from now on comes from there.
  module::Status settle();

 private:
  DeviceIo(const SlotDevice& device, module::Fd fd)
      : path_{device.path}, start_{device.start}, fd_{std::move(fd)} {}

  std::string path_;
  std::uint64_t start_;
  module::Fd fd_;
  std::size_t alignment_ = 1;
  bool direct_ = false;
  std::size_t unsynced_ = 0;
};

}  // namespace patchbay::slot
