#include "modules/directory/destination.hpp"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "patchbay/files.hpp"

namespace patchbay::directory {
namespace {

using module::Context;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

Result<std::string> read_dest_dir(const Context& context) {
  PATCHBAY_TRY(auto text, context.read_payload("dest_dir", PATH_MAX));
  if (text.ends_with('\n')) text.pop_back();
  return module::normalise_path(text, "dest_dir");
}

// As realpath(3), but the end of the path need not exist yet.
Result<std::string> resolve(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
  if (real) return std::string{real.get()};
  const int why = errno;
  if (why != ENOENT) return Error::from_errno(why, "resolve " + path);
  if (module::exists(path)) return Error{path + " is a symbolic link that leads nowhere"};
  PATCHBAY_TRY(const auto parent, resolve(module::parent_path(path)));
  return module::join_path(parent, module::base_name(path));
}

bool lies_in(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

// The kernel writes blank, tab, newline and backslash as three octal digits.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 3 >= text.size()) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

// A mount below would travel with the old directory, and be emptied when that is removed.
Status check_no_mounts_below(const std::string& directory) {
  constexpr std::size_t kLimit = 16 * 1024 * 1024;
  constexpr int kMountPointField = 4;
  PATCHBAY_TRY(const auto table, module::read_file("/proc/self/mountinfo", kLimit));
  for (std::size_t begin = 0; begin < table.size();) {
    const auto end = std::min(table.find('\n', begin), table.size());
    std::string_view line = std::string_view{table}.substr(begin, end - begin);
    begin = end + 1;
    for (int field = 0; field < kMountPointField; ++field)
      line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    const auto mount_point = unescape(line.substr(0, line.find(' ')));
    if (mount_point.starts_with(directory + "/"))
      return Error{directory + " has a file system mounted below it, at " + mount_point +
                   "; it will not be replaced"};
  }
  return Done{};
}

Result<Destination::Kind> kind_of(const std::string& path) {
  struct statx info {};
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(AT_FDCWD, path.c_str(), kFlags, STATX_TYPE, &info) != 0) {
    if (errno == ENOENT) return Destination::Kind::absent;
    return Error::from_errno(errno, "look at " + path);
  }
  if (!S_ISDIR(info.stx_mode)) return Error{path + " is not a directory"};
  struct stat here {};
  struct stat above {};
  if (::lstat(path.c_str(), &here) != 0 || ::stat(module::parent_path(path).c_str(), &above) != 0)
    return Error::from_errno(errno, "look at " + path);
  const bool is_mount_point = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  const bool is_subvolume = here.st_dev != above.st_dev;
  return is_mount_point || is_subvolume ? Destination::Kind::fixed : Destination::Kind::ordinary;
}

Status check_work_tree_is_elsewhere(const Context& context, const std::string& path) {
  PATCHBAY_TRY(const auto tree, resolve(context.tree()));
  if (lies_in(tree, path) || lies_in(path, tree))
    return Error{"dest_dir: " + path + " cannot be replaced, because the update itself works in " +
                 tree};
  return Done{};
}

}  // namespace

Result<Destination> find_destination(const Context& context) {
  PATCHBAY_TRY(const auto wanted, read_dest_dir(context));
  Destination destination;
  PATCHBAY_TRY(destination.path, resolve(wanted));
  if (destination.path == "/")
    return Error{"dest_dir: '" + wanted + "' is the root directory, and will not be replaced"};
  destination.parent = module::parent_path(destination.path);
  PATCHBAY_CHECK(check_work_tree_is_elsewhere(context, destination.path));
  PATCHBAY_CHECK(check_no_mounts_below(destination.path));
  PATCHBAY_TRY(destination.kind, kind_of(destination.path));
  return destination;
}

}  // namespace patchbay::directory
