#include "sdk/slot/image_io.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <mtd/ubi-user.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <string>

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

constexpr std::size_t kUnsyncedLimit = 8 * 1024 * 1024;

std::string place(const std::string& path, std::uint64_t offset) {
  return path + " at byte " + std::to_string(offset);
}

struct Unmap {
  void operator()(std::byte* bytes) const { ::munmap(bytes, kPiece); }
};
using Mapped = std::unique_ptr<std::byte, Unmap>;

Mapped map_buffer() {
  constexpr auto kMapped = 2 * kPiece;
  void* const mapped =
      ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc{};
  void* aligned = mapped;
  auto room = kMapped;
  std::align(kPiece, kPiece, aligned, room);
  auto* const bytes = static_cast<std::byte*>(aligned);
  if (aligned != mapped) ::munmap(mapped, kMapped - room);
  ::munmap(bytes + kPiece, room - kPiece);
  // Refused by kernels that were built without huge pages, and no matter there.
  (void)::madvise(bytes, kPiece, MADV_HUGEPAGE);
  return Mapped{bytes};
}

/// As many as a part of the work has at once, for the next part.
class SpareBuffers {
 public:
  static SpareBuffers& all() {
    static SpareBuffers buffers;
    return buffers;
  }
  Mapped take() {
    const std::lock_guard lock{mutex_};
    return count_ == 0 ? map_buffer() : std::move(buffers_.at(--count_));
  }
  void keep(Mapped buffer) {
    const std::lock_guard lock{mutex_};
    if (count_ < buffers_.size()) buffers_.at(count_++) = std::move(buffer);
  }

 private:
  std::mutex mutex_;
  std::array<Mapped, kPieces + 1> buffers_;
  std::size_t count_ = 0;
};

}  // namespace

Buffer::Buffer() : bytes_{SpareBuffers::all().take().release()} {
}

void Buffer::GiveBack::operator()(std::byte* bytes) const {
  SpareBuffers::all().keep(Mapped{bytes});
}

Result<DeviceIo> DeviceIo::open(const SlotDevice& device) {
  PATCHBAY_TRY(auto fd, open_exclusively(device, O_RDWR));
  DeviceIo io{device, std::move(fd)};
  if (device.kind != Kind::block) return io;
  int sector = 0;
  if (::ioctl(io.fd_.get(), BLKSSZGET, &sector) != 0 || sector <= 0)
    return Error::from_errno(errno, "ask for the sector size of " + device.path);
  io.alignment_ = static_cast<std::size_t>(sector);
  io.direct_ = ::fcntl(io.fd_.get(), F_SETFL, O_DIRECT) == 0;
  return io;
}

Status DeviceIo::read(std::span<std::byte> bytes, std::uint64_t offset) const {
  offset += start_;
  while (!bytes.empty()) {
    const auto count = ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read " + place(path_, offset));
    if (count == 0) return Error{place(path_, offset) + " ends before it should"};
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return Done{};
}

Status DeviceIo::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  offset += start_;
  unsynced_ += bytes.size();
  while (!bytes.empty()) {
    const auto count = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "write " + place(path_, offset));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  if (!direct_ && unsynced_ >= kUnsyncedLimit) return settle();
  return Done{};
}

Status DeviceIo::begin_volume_update(std::uint64_t size) {
  auto bytes = static_cast<std::int64_t>(size);
  if (::ioctl(fd_.get(), UBI_IOCVOLUP, &bytes) != 0)
    return Error::from_errno(errno, "begin the update of " + path_);
  return Done{};
}

Status DeviceIo::settle() {
  unsynced_ = 0;
  if (::fsync(fd_.get()) != 0) return Error::from_errno(errno, "sync " + path_);
  if (!direct_) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return Done{};
}

}  // namespace patchbay::slot
