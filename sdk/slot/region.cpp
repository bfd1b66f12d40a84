#include "sdk/slot/region.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>

#include "patchbay/files.hpp"

namespace patchbay::slot {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::uint64_t kSysfsSector = 512;  // whatever the disk's own sectors are

std::optional<std::uint64_t> number_in(const std::string& path) {
  const auto text = module::read_file(path, 64);
  if (!text) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end == text->data()) return std::nullopt;
  return number;
}

Status check_partitions(SlotDevice& region, const std::string& what) {
  if (region.kind != Kind::block) return Done{};
  const auto disk = sysfs_file(region, "");
  const auto names = module::list_directory(disk);
  if (!names) return Done{};
  for (const auto& name : *names) {
    const auto own = disk + name;
    if (!module::exists(own + "/partition")) continue;
    region.use = Use::beside_others;
    const auto start = number_in(own + "/start");
    const auto size = number_in(own + "/size");
    if (!start || !size) return Error{what + ": the partition " + name + " has no size in sysfs"};
    const auto from = *start * kSysfsSector;
    const auto to = from + *size * kSysfsSector;
    if (region.start < to && from < region.start + region.size)
      return Error{what + ": bytes " + std::to_string(region.start) + " to " +
                   std::to_string(region.start + region.size) + " of " + region.path +
                   " overlap the partition " + name + " (bytes " + std::to_string(from) + " to " +
                   std::to_string(to) + ")"};
  }
  return Done{};
}

}  // namespace

std::string sysfs_file(const SlotDevice& device, const std::string& name) {
  return "/sys/dev/block/" + std::to_string(major(device.device)) + ":" +
         std::to_string(minor(device.device)) + "/" + name;
}

Result<std::uint64_t> sector_size(const SlotDevice& device) {
  if (device.kind != Kind::block) return 1;
  const Fd fd{::open(device.path.c_str(), O_RDONLY | O_CLOEXEC)};
  int sector = 0;
  if (!fd || ::ioctl(fd.get(), BLKSSZGET, &sector) != 0 || sector <= 0)
    return Error::from_errno(errno, "ask for the sector size of " + device.path);
  return static_cast<std::uint64_t>(sector);
}

Result<SlotDevice> region_of(SlotDevice device, std::uint64_t start,
                             std::optional<std::uint64_t> size, const std::string& what) {
  const auto whole = device.size;
  if (start >= whole || size.value_or(0) > whole - start)
    return Error{what + ": bytes from " + std::to_string(start) +
                 (size ? ", " + std::to_string(*size) + " of them," : "") + " do not lie on " +
                 device.path + ", which has " + std::to_string(whole)};
  PATCHBAY_TRY(const auto sector, sector_size(device));
  if (start % sector != 0)
    return Error{what + ": byte " + std::to_string(start) + " of " + device.path +
                 " is not where a sector of " + std::to_string(sector) + " bytes begins"};
  device.start = start;
  device.size = size.value_or(whole - start);
  PATCHBAY_CHECK(check_partitions(device, what));
  return device;
}

bool overlap(const SlotDevice& a, const SlotDevice& b) {
  return same_place(a, b) && a.start < b.start + b.size && b.start < a.start + a.size;
}

Result<std::string> read_region(const SlotDevice& place, std::uint64_t count) {
  const Fd fd{::open(place.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + place.path);
  if (count > SIZE_MAX)
    return Error{module::human_size(count) + " of " + place.path + " do not fit into memory"};
  std::string bytes(static_cast<std::size_t>(count), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto got = ::pread(fd.get(), bytes.data() + at, bytes.size() - at,
                             static_cast<off_t>(place.start + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "read " + place.path);
    if (got == 0)
      return Error{place.path + " ends before byte " + std::to_string(place.start + count)};
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace patchbay::slot
