#include "modules/rootfs-image/old_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kPiece = 512UL * 1024;
constexpr std::uint64_t kAlignment = 4096;
constexpr std::uint64_t kLeast = 64UL * 1024;

}  // namespace

OldImage::OldImage(const slot::SlotDevice& device, std::uint64_t size, module::Fd fd)
    : path_{device.path},
      start_{device.start},
      size_{size},
      fd_{std::move(fd)},
      buffer_{static_cast<std::byte*>(std::aligned_alloc(kAlignment, kPiece))} {
}

Result<OldImage> OldImage::open(const slot::SlotDevice& device, std::uint64_t size) {
  module::Fd fd{::open(device.path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)};
  // UBI volumes and some file systems know no such thing, and have no such cache.
  if (!fd && errno == EINVAL) fd = module::Fd{::open(device.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + device.path);
  return OldImage{device, size, std::move(fd)};
}

Result<std::size_t> OldImage::read(std::span<std::byte> bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size() && offset + done < size_) {
    const auto rest = std::min<std::uint64_t>(bytes.size() - done, size_ - offset - done);
    PATCHBAY_TRY(const auto piece, piece_at(offset + done, rest));
    std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done));
    done += piece.size();
  }
  return done;
}

// Some of the `count` bytes from `offset` on, at least one. What was read before is there: a delta
// takes one block of zeros for all of them.
Result<std::span<const std::byte>> OldImage::piece_at(std::uint64_t offset, std::uint64_t count) {
  if (offset < at_ || offset >= at_ + have_) PATCHBAY_CHECK(read_around(offset, count));
  const auto skipped = static_cast<std::size_t>(offset - at_);
  const auto some = std::min<std::uint64_t>(have_ - skipped, count);
  return std::span<const std::byte>{buffer_.get() + skipped, static_cast<std::size_t>(some)};
}

Status OldImage::read_around(std::uint64_t offset, std::uint64_t count) {
  at_ = offset / kAlignment * kAlignment;
  const auto rounded = (offset - at_ + count + kAlignment - 1) / kAlignment * kAlignment;
  const auto wanted = static_cast<std::size_t>(std::clamp<std::uint64_t>(rounded, kLeast, kPiece));
  ssize_t got = 0;
  do {
    got = ::pread(fd_.get(), buffer_.get(), wanted, static_cast<off_t>(start_ + at_));
  } while (got < 0 && errno == EINTR);
  have_ = got < 0 ? 0 : static_cast<std::size_t>(got);
  if (got < 0) return Error::from_errno(errno, "read " + path_);
  if (at_ + have_ <= offset) return Error{path_ + " ends at byte " + std::to_string(offset)};
  return Done{};
}

}  // namespace patchbay::rootfs_image
