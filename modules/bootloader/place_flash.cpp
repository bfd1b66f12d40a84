#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "modules/bootloader/place.hpp"
#include "sdk/slot/region.hpp"

// NOR flash through the kernel's MTD character devices: what is written has to be erased before, in
// erase blocks.
namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

// Lines as 'mtd3: 00100000 00010000 "u-boot"' of /proc/mtd.
Result<std::string> path_of(const std::string& configured, const std::string& what) {
  if (configured.starts_with('/')) return configured;
  if (!configured.starts_with("mtd:"))
    return Error{what + ": '" + configured +
                 "' is neither mtd: with the name of a partition, nor a path"};
  const auto wanted = "\"" + configured.substr(4) + "\"";
  const auto text = module::read_file("/proc/mtd", 1024 * 1024);
  if (!text) return Error{what + ": the kernel knows no MTD partitions (there is no /proc/mtd)"};
  std::istringstream lines{*text};
  std::string line;
  std::string found;
  while (std::getline(lines, line)) {
    if (!line.ends_with(" " + wanted)) continue;
    if (!found.empty())
      return Error{what + ": several MTD partitions are called " + wanted + "; use /dev/mtdN"};
    found = "/dev/" + line.substr(0, line.find(':'));
  }
  if (found.empty()) return Error{what + ": no MTD partition is called " + wanted};
  return found;
}

class FlashPlace final : public Place {
 public:
  FlashPlace(slot::SlotDevice device, Fd fd, std::size_t block)
      : device_{std::move(device)}, fd_{std::move(fd)}, block_{block} {}

  [[nodiscard]] std::string name() const override {
    return device_.path + (device_.start != 0 ? " at byte " + std::to_string(device_.start) : "");
  }
  [[nodiscard]] const slot::SlotDevice& device() const override { return device_; }
  [[nodiscard]] std::size_t block() const override { return block_; }
  Result<std::string> read(std::uint64_t count) override {
    return slot::read_region(device_, count);
  }

  // The first block is erased first and written last; the others in between.
  Result<std::uint64_t> write(const std::string& bytes) override {
    PATCHBAY_TRY(const auto old, read(bytes.size()));
    if (old == bytes) return std::uint64_t{0};
    const auto blocks = (bytes.size() + block_ - 1) / block_;
    PATCHBAY_TRY(const auto whole, read(blocks * block_));
    const auto wanted = bytes + whole.substr(bytes.size());
    PATCHBAY_CHECK(erase(0));
    std::uint64_t written = block_;
    for (std::size_t i = 1; i < blocks; ++i) {
      if (wanted.compare(i * block_, block_, whole, i * block_, block_) == 0) continue;
      PATCHBAY_CHECK(erase(i));
      PATCHBAY_CHECK(program(i, wanted));
      written += block_;
    }
    PATCHBAY_CHECK(program(0, wanted));
    PATCHBAY_TRY(const auto fresh, read(wanted.size()));
    if (fresh != wanted)
      return Error{"what was written to " + name() +
                   " does not come back from there; is the flash worn out?"};
    return written;
  }

 private:
  [[nodiscard]] std::string place(std::size_t index) const {
    return "the erase block at byte " + std::to_string(device_.start + index * block_) + " of " +
           device_.path;
  }
  Status erase(std::size_t index) {
    erase_info_user64 range{.start = device_.start + index * block_, .length = block_};
    if (::ioctl(fd_.get(), MEMERASE64, &range) == 0) return Done{};
    return Error::from_errno(errno, "erase " + place(index));
  }
  Status program(std::size_t index, const std::string& wanted) {
    std::size_t at = index * block_;
    const auto end = at + block_;
    while (at < end) {
      const auto count =
          ::pwrite(fd_.get(), wanted.data() + at, end - at, static_cast<off_t>(device_.start + at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return Error::from_errno(errno, "write " + place(index));
      at += static_cast<std::size_t>(count);
    }
    return Done{};
  }

  slot::SlotDevice device_;
  Fd fd_;
  std::size_t block_;
};

Status check_kind(const mtd_info_user& info, const std::string& path, const std::string& what) {
  if (info.type == MTD_NANDFLASH || info.type == MTD_MLCNANDFLASH)
    return Error{what + ": " + path +
                 " is NAND flash, whose bad blocks this module does not handle"};
  if ((info.flags & MTD_WRITEABLE) == 0)
    return Error{what + ": " + path +
                 " is read-only: the kernel was told so by the device tree or its command line"};
  if (info.erasesize == 0)
    return Error{what + ": " + path + " says that its erase blocks have no bytes"};
  return Done{};
}

}  // namespace

Result<PlacePtr> place_in_flash(const AreaSettings::Copy& copy, const std::string& what) {
  PATCHBAY_TRY(const auto path, path_of(copy.device, what));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return Error::from_errno(errno, what + ": look at " + path);
  Fd fd{::open(path.c_str(), O_RDWR | O_SYNC | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, what + ": open " + path);
  mtd_info_user info{};
  if (::ioctl(fd.get(), MEMGETINFO, &info) != 0)
    return Error::from_errno(errno, what + ": " + path + " does not answer as an MTD device");
  PATCHBAY_CHECK(check_kind(info, path, what));
  const std::uint64_t start = copy.offset;
  if (start >= info.size || copy.size.value_or(0) > info.size - start)
    return Error{what + ": bytes from " + std::to_string(start) + " on do not lie in " + path +
                 ", which has " + std::to_string(info.size)};
  const auto size = copy.size.value_or(info.size - start);
  if (start % info.erasesize != 0 || size % info.erasesize != 0)
    return Error{what + ": Offset and Size have to be multiples of the erase blocks of " + path +
                 ", " + std::to_string(info.erasesize) + " bytes"};
  slot::SlotDevice device{.configured = copy.device, .path = path};
  device.device = status.st_rdev;
  device.holder = status.st_dev;
  device.inode = status.st_ino;
  device.kind = S_ISREG(status.st_mode) ? slot::Kind::regular_file : slot::Kind::block;
  device.size = size;
  device.start = start;
  return PlacePtr{std::make_unique<FlashPlace>(std::move(device), std::move(fd), info.erasesize)};
}

}  // namespace patchbay::bootloader
