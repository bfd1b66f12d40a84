#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "modules/bootloader/place.hpp"
#include "sdk/slot/image_writer.hpp"
#include "sdk/slot/region.hpp"

namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;
using slot::SlotDevice;

constexpr std::size_t kHead = 4096;  // a multiple of every sector

Result<std::uint64_t> put(const SlotDevice& device, std::uint64_t at, std::string_view bytes) {
  if (bytes.empty()) return std::uint64_t{0};
  slot::ImageRequest request{.target = device, .size = bytes.size()};
  request.target.start += at;
  request.target.size -= at;
  PATCHBAY_TRY(const auto written, slot::write_image(request, [&bytes](std::span<std::byte> room) {
                 const auto count = std::min(room.size(), bytes.size());
                 std::memcpy(room.data(), bytes.data(), count);
                 bytes.remove_prefix(count);
                 return Result<std::size_t>{count};
               }));
  return written.written;
}

class BlockPlace : public Place {
 public:
  explicit BlockPlace(SlotDevice device) : device_{std::move(device)} {}

  [[nodiscard]] std::string name() const override {
    return device_.path + (device_.start != 0 ? " at byte " + std::to_string(device_.start) : "");
  }
  [[nodiscard]] const SlotDevice& device() const override { return device_; }
  [[nodiscard]] std::size_t block() const override { return kHead; }
  Result<std::string> read(std::uint64_t count) override {
    return slot::read_region(device_, count);
  }

  Result<std::uint64_t> write(const std::string& bytes) override {
    PATCHBAY_TRY(const auto old, read(bytes.size()));
    if (old == bytes) return std::uint64_t{0};
    const auto head = std::min(kHead, bytes.size());
    const std::string_view all{bytes};
    PATCHBAY_CHECK(put(device_, 0, std::string(head, '\0')));
    PATCHBAY_TRY(const auto body, put(device_, head, all.substr(head)));
    PATCHBAY_CHECK(put(device_, 0, all.substr(0, head)));
    PATCHBAY_TRY(const auto fresh, read(bytes.size()));
    if (fresh != bytes)
      return Error{"what was written to " + name() + " does not come back from there"};
    return body + head;
  }

 private:
  SlotDevice device_;
};

/// The kernel's own lock on a hardware boot partition, off as long as this object.
class ForceRo {
 public:
  static Result<ForceRo> lift(const SlotDevice& device) {
    ForceRo lock{slot::sysfs_file(device, "force_ro")};
    PATCHBAY_CHECK(lock.set("0"));
    lock.lifted_ = true;
    return lock;
  }
  /// Locks what an earlier call, which was killed, has left open.
  static void mend(const SlotDevice& device) {
    ForceRo lock{slot::sysfs_file(device, "force_ro")};
    const auto value = module::read_file(lock.path_, 16);
    lock.lifted_ = value && value->starts_with('0');
  }
  ForceRo(ForceRo&& other) noexcept
      : path_{std::move(other.path_)}, lifted_{std::exchange(other.lifted_, false)} {}
  ForceRo& operator=(ForceRo&&) = delete;
  ForceRo(const ForceRo&) = delete;
  ForceRo& operator=(const ForceRo&) = delete;
  // The partition is whole either way; after the next boot it is locked again in any case.
  ~ForceRo() {
    if (lifted_) (void)set("1");
  }

 private:
  explicit ForceRo(std::string path) : path_{std::move(path)} {}
  [[nodiscard]] Status set(const char* value) const {
    const Fd fd{::open(path_.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!fd || ::write(fd.get(), value, 1) != 1)
      return Error::from_errno(errno, std::string{"write "} + value + " to " + path_);
    return Done{};
  }

  std::string path_;
  bool lifted_ = false;
};

class BootPartition final : public BlockPlace {
 public:
  using BlockPlace::BlockPlace;

  Result<std::uint64_t> write(const std::string& bytes) override {
    PATCHBAY_TRY(const auto old, read(bytes.size()));
    if (old == bytes) {
      ForceRo::mend(device());
      return std::uint64_t{0};
    }
    PATCHBAY_TRY(const auto lifted, ForceRo::lift(device()));
    return BlockPlace::write(bytes);
  }
};

}  // namespace

PlacePtr place_on_block_device(SlotDevice device) {
  return std::make_unique<BlockPlace>(std::move(device));
}

PlacePtr place_in_boot_partition(SlotDevice device) {
  return std::make_unique<BootPartition>(std::move(device));
}

Result<PlacePtr> open_place(const AreaSettings& area, const AreaSettings::Copy& copy,
                            const std::string& what, slot::Files files) {
  if (area.kind == AreaSettings::Kind::mtd) return place_in_flash(copy, what);
  PATCHBAY_TRY(auto device, slot::find_device(copy.device, what, files));
  if (device.kind == slot::Kind::ubi_volume)
    return Error{what + ": " + device.path +
                 " is a UBI volume; boot loaders lie on disks, in boot "
                 "partitions, or in flash below UBI"};
  PATCHBAY_TRY(auto region, slot::region_of(std::move(device), copy.offset, copy.size, what));
  // Nobody else may have it, now and when it is written.
  PATCHBAY_CHECK(slot::open_exclusively(region, O_RDONLY));
  if (area.kind == AreaSettings::Kind::raw) return place_on_block_device(std::move(region));
  if (!module::read_file(slot::sysfs_file(region, "force_ro"), 16))
    return Error{what + ": " + region.path +
                 " is no hardware boot partition of a card: it has no "
                 "force_ro in sysfs"};
  return place_in_boot_partition(std::move(region));
}

}  // namespace patchbay::bootloader
