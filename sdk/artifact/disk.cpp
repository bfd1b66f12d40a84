#include "sdk/artifact/disk.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/image.hpp"
#include "sdk/artifact/image_tools.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kTableMagic = 510;

struct Mount {
  std::string_view directory;
  unsigned partition;
};
constexpr std::array kMounts{Mount{"/data", 4}, Mount{"/uboot", 1}, Mount{"/boot/efi", 1},
                             Mount{"/boot/grub", 1}};
constexpr std::array kRootPartitions{2U, 3U};

/// A path without the directory that it is below; nothing when it is not.
std::optional<std::string> below(std::string_view path, std::string_view directory) {
  if (!path.starts_with(directory)) return std::nullopt;
  path.remove_prefix(directory.size());
  if (path.empty()) return "/";
  return path.front() == '/' ? std::optional{std::string{path}} : std::nullopt;
}

/// The number in front of `text`, with what follows it taken off up to the next colon.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(std::min(text.find(':'), text.size() - 1) + 1);
  return number;
}

/// Lines of parted: "1:1048576B:9437183B:8388608B:ext4::boot;".
std::map<std::uint64_t, Extent> parse_partitions(std::string_view listing) {
  std::map<std::uint64_t, Extent> partitions;
  while (!listing.empty()) {
    std::string_view line = listing.substr(0, listing.find('\n'));
    listing.remove_prefix(std::min(line.size() + 1, listing.size()));
    const auto number = take_number(line);
    const auto begin = number ? take_number(line) : std::nullopt;
    const auto last = begin ? take_number(line) : std::nullopt;
    if (last && *last >= *begin) partitions[*number] = {*begin, *last - *begin + 1};
  }
  return partitions;
}

Result<std::map<std::uint64_t, Extent>> partitions_of(const std::string& disk) {
  PB_TRY(const std::string parted, find_program("parted", "parted"));
  PB_TRY(const Answer answer, run_program(parted, {"-s", "-m", disk, "unit", "B", "print"}));
  if (answer.exit.success()) return parse_partitions(answer.exit.output);
  return Error{ErrorCode::io, "parted cannot read the partitions of " + disk + ": " +
                                  printable(answer.errors + answer.exit.output)};
}

}  // namespace

Result<bool> is_disk(const std::string& path) {
  PB_TRY(const FileSystem kind, file_system_of(path));
  if (kind != FileSystem::none) return false;
  PB_TRY(const UniqueFd fd, os::open_file(path, O_RDONLY));
  std::array<char, 2> magic{};
  const ssize_t count = ::pread(fd.get(), magic.data(), magic.size(), kTableMagic);
  return count == static_cast<ssize_t>(magic.size()) &&
         std::string_view{magic.data(), magic.size()} == "\x55\xAA";
}

bool is_on_own_partition(std::string_view path) {
  for (const Mount& mount : kMounts)
    if (below(path, mount.directory)) return true;
  return false;
}

Result<DiskPlace> find_on_disk(const std::string& disk, const std::string& path) {
  PB_TRY(const auto partitions, partitions_of(disk));
  for (const Mount& mount : kMounts) {
    auto rest = below(path, mount.directory);
    if (!rest) continue;
    const auto found = partitions.find(mount.partition);
    if (found != partitions.end()) return DiskPlace{{found->second}, std::move(*rest)};
    return Error{ErrorCode::not_found, disk + " has no partition " +
                                           std::to_string(mount.partition) + ", where " +
                                           std::string{mount.directory} + " is"};
  }
  DiskPlace place{{}, path};
  for (const unsigned number : kRootPartitions) {
    const auto found = partitions.find(number);
    if (found != partitions.end()) place.partitions.push_back(found->second);
  }
  if (!place.partitions.empty()) return place;
  return Error{ErrorCode::not_found,
               disk + " has neither partition 2 nor 3, where root file systems are"};
}

}  // namespace patchbay::artifact_tool
