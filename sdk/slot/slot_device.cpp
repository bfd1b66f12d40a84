#include "sdk/slot/slot_device.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "patchbay/files.hpp"
#include "patchbay/run.hpp"

namespace patchbay::slot {
namespace {

using module::Error;
using module::Fd;
using module::Result;

struct Tag {
  std::string_view prefix;
  std::string_view links;  ///< where udev keeps them
};
constexpr std::array kTags{
    Tag{"UUID=", "/dev/disk/by-uuid/"}, Tag{"PARTUUID=", "/dev/disk/by-partuuid/"},
    Tag{"LABEL=", "/dev/disk/by-label/"}, Tag{"PARTLABEL=", "/dev/disk/by-partlabel/"}};

std::string trimmed(std::string text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr)
    text.pop_back();
  return text;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A small file of sysfs; empty when there is none.
std::string attribute(const std::string& path) {
  auto text = module::read_file(path, 4096);
  return text ? trimmed(*std::move(text)) : "";
}

std::string sysfs_directory(dev_t device, Kind kind) {
  return std::string{"/sys/dev/"} + (kind == Kind::block ? "block/" : "char/") +
         std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

Result<std::string> ask_findfs(const std::string& tag, const std::string& what) {
  const auto program = module::find_program("findfs");
  if (!program)
    return Error{what + ": there is no link for '" + tag +
                 "' in /dev/disk, and no program findfs to look for it"};
  PATCHBAY_TRY(const auto exit, module::run({.path = *program,
                                             .arguments = {tag},
                                             .output = module::Program::Output::capture}));
  auto path = trimmed(exit.output);
  if (!exit.success() || path.empty())
    return Error{what + ": no device of this machine has '" + tag + "'"};
  return path;
}

Result<std::string> path_of(const std::string& configured, const std::string& what) {
  for (const auto& tag : kTags) {
    if (!configured.starts_with(tag.prefix)) continue;
    const auto value = configured.substr(tag.prefix.size());
    if (value.empty() || value.find('/') != std::string::npos)
      return Error{what + ": '" + configured + "' does not name a device"};
    const auto link = std::string{tag.links} + value;
    if (module::exists(link)) return link;
    return ask_findfs(configured, what);
  }
  if (configured.starts_with("ubi")) return "/dev/" + configured;
  if (configured.starts_with('/')) return configured;
  return Error{what + ": '" + configured +
               "' is neither an absolute path, nor a UBI volume (ubi0_1), nor UUID=, PARTUUID=, "
               "LABEL= or PARTLABEL= with a value"};
}

Result<std::string> follow_links(const std::string& path, const std::string& what) {
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path.c_str(), resolved.data()) != nullptr) return std::string{resolved.data()};
  if (errno == ENOENT) return Error{what + ": there is no device " + path + " on this machine"};
  return Error::from_errno(errno, what + ": look for " + path);
}

// "part2-mpath-..." is what kpartx calls the second partition of a mapped disk.
std::optional<unsigned> number_of_mapped(const std::string& sysfs) {
  const auto uuid = attribute(sysfs + "/dm/uuid");
  if (!uuid.starts_with("part")) return std::nullopt;
  return number_of<unsigned>(std::string_view{uuid}.substr(4, uuid.find('-') - 4));
}

Result<SlotDevice> look_at_block(SlotDevice device) {
  const auto sysfs = sysfs_directory(device.device, Kind::block);
  device.number = number_of<unsigned>(attribute(sysfs + "/partition"));
  if (!device.number) device.number = number_of_mapped(sysfs);
  const Fd fd{::open(device.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + device.path);
  if (::ioctl(fd.get(), BLKGETSIZE64, &device.size) != 0)
    return Error::from_errno(errno, "ask for the size of " + device.path);
  return device;
}

Result<SlotDevice> look_at_ubi(SlotDevice device, const std::string& what) {
  const auto sysfs = sysfs_directory(device.device, Kind::ubi_volume);
  const auto blocks = number_of<std::uint64_t>(attribute(sysfs + "/reserved_ebs"));
  const auto block_size = number_of<std::uint64_t>(attribute(sysfs + "/usable_eb_size"));
  if (!blocks || !block_size)
    return Error{what + ": " + device.path + " is a character device, but no UBI volume"};
  device.size = *blocks * *block_size;
  std::array<char, PATH_MAX> name{};
  if (::realpath(sysfs.c_str(), name.data()) != nullptr) {
    const std::string_view text{name.data()};  // .../ubi0/ubi0_1
    device.number = number_of<unsigned>(text.substr(text.rfind('_') + 1));
  }
  return device;
}

// Where the device is mounted, as far as we can see it.
std::optional<std::string> mount_of(const SlotDevice& device) {
  const auto all = mounts();
  if (!all) return std::nullopt;
  for (const auto& mount : *all) {
    const bool is_it = device.kind == Kind::block && mount.device == device.device;
    if (is_it || is_mounted_from(mount.source, device)) return mount.where;
  }
  return std::nullopt;
}

std::string users_of(const SlotDevice& device) {
  if (const auto where = mount_of(device))
    return "it is mounted at " + *where + "; unmount it first";
  const auto sysfs = sysfs_directory(device.device, device.kind);
  const auto holders = module::list_directory(sysfs + "/holders");
  if (holders && !holders->empty()) return holders->front() + " stands on it";
  return "another program has it open for itself, or it is mounted where we cannot see it";
}

// mountinfo writes blanks and the like as \040
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "36 35 98:0 /root /where rw,noatime master:1 - ext3 /dev/sda1 rw"
std::optional<Mount> parse_mount(const std::string& line) {
  std::istringstream words{line};
  std::string id;
  std::string parent;
  std::string numbers;
  std::string root;
  std::string where;
  if (!(words >> id >> parent >> numbers >> root >> where)) return std::nullopt;
  std::string word;
  while (words >> word && word != "-") {
  }
  Mount mount;
  if (!(words >> mount.type >> mount.source)) return std::nullopt;
  const auto colon = numbers.find(':');
  const auto high = number_of<unsigned>(std::string_view{numbers}.substr(0, colon));
  const auto low = number_of<unsigned>(std::string_view{numbers}.substr(colon + 1));
  if (!high || !low) return std::nullopt;
  mount.device = makedev(*high, *low);
  mount.where = unescaped(where);
  mount.source = unescaped(mount.source);
  return mount;
}

bool stands_on_block(dev_t mounted, dev_t wanted, unsigned depth) {
  constexpr unsigned kDeepest = 8;
  if (mounted == wanted) return true;
  if (depth == kDeepest) return false;
  const auto below = sysfs_directory(mounted, Kind::block) + "/slaves";
  const auto names = module::list_directory(below);
  if (!names) return false;
  for (const auto& name : *names) {
    const auto numbers = attribute(module::join_path(module::join_path(below, name), "dev"));
    const auto colon = numbers.find(':');
    const auto high = number_of<unsigned>(std::string_view{numbers}.substr(0, colon));
    const auto low = number_of<unsigned>(std::string_view{numbers}.substr(colon + 1));
    if (high && low && stands_on_block(makedev(*high, *low), wanted, depth + 1)) return true;
  }
  return false;
}

}  // namespace

bool same_place(const SlotDevice& a, const SlotDevice& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::regular_file) return a.holder == b.holder && a.inode == b.inode;
  return a.device == b.device;
}

Result<SlotDevice> find_device(const std::string& configured, const std::string& what,
                               Files files) {
  PATCHBAY_TRY(const auto named, path_of(configured, what));
  SlotDevice device;
  device.configured = configured;
  PATCHBAY_TRY(device.path, follow_links(named, what));
  struct stat info {};
  if (::stat(device.path.c_str(), &info) != 0)
    return Error::from_errno(errno, what + ": look at " + device.path);
  device.device = info.st_rdev;
  if (S_ISBLK(info.st_mode)) return look_at_block(std::move(device));
  if (S_ISCHR(info.st_mode)) {
    device.kind = Kind::ubi_volume;
    return look_at_ubi(std::move(device), what);
  }
  if (!S_ISREG(info.st_mode) || files == Files::refuse)
    return Error{what + ": " + device.path + " is not a block device" +
                 (S_ISREG(info.st_mode) ? " but a regular file: is the real device missing?" : "")};
  device.kind = Kind::regular_file;
  device.device = 0;
  device.holder = info.st_dev;
  device.inode = info.st_ino;
  device.size = static_cast<std::uint64_t>(info.st_size);
  return device;
}

bool stands_on(dev_t mounted, const SlotDevice& device) {
  return device.kind == Kind::block && stands_on_block(mounted, device.device, 0);
}

bool is_mounted_from(const std::string& source, const SlotDevice& device) {
  if (source.empty() || source == "none") return false;
  if (source == device.path || "/dev/" + source == device.path) return true;
  if (device.kind != Kind::ubi_volume || !device.number) return false;
  constexpr std::string_view kBlockDevice = "/dev/ubiblock";
  if (source.starts_with(kBlockDevice))
    return "/dev/ubi" + source.substr(kBlockDevice.size()) == device.path;
  const auto colon = source.find(':');
  if (!source.starts_with("ubi") || colon == std::string::npos) return false;
  const auto volume = source.substr(0, colon) + "_" + std::to_string(*device.number);
  return "/dev/" + volume == device.path &&
         attribute("/sys/class/ubi/" + volume + "/name") == source.substr(colon + 1);
}

Result<Fd> open_exclusively(const SlotDevice& device, int flags) {
  // UBI knows no O_EXCL, and lets us open a volume that is mounted for reading only.
  if (device.kind == Kind::ubi_volume && mount_of(device))
    return Error{device.path + " is in use: " + users_of(device)};
  const int exclusive = device.kind == Kind::block && device.use == Use::alone ? O_EXCL : 0;
  Fd fd{::open(device.path.c_str(), flags | exclusive | O_CLOEXEC)};
  if (fd) return fd;
  if (errno == EBUSY) return Error{device.path + " is in use: " + users_of(device)};
  return Error::from_errno(errno, "open " + device.path);
}

Result<std::vector<Mount>> mounts() {
  constexpr std::size_t kLimit = 16 * 1024 * 1024;
  PATCHBAY_TRY(const auto text, module::read_file("/proc/self/mountinfo", kLimit));
  std::vector<Mount> all;
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    if (auto mount = parse_mount(line)) all.push_back(*std::move(mount));
  }
  return all;
}

}  // namespace patchbay::slot
