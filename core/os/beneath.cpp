#include "core/os/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "core/base/bytes.hpp"

namespace patchbay::os {
namespace {

Error refused(const std::string& name, std::string_view why) {
  return Error{ErrorCode::denied, "\"" + printable(name) + "\" " + std::string{why}};
}

bool has_parent_component(std::string_view name) {
  while (!name.empty()) {
    const auto slash = name.find('/');
    if (name.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) return false;
    name.remove_prefix(slash + 1);
  }
  return false;
}

bool is_link(int directory, const std::string& name) {
  struct stat status {};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

}  // namespace

Status check_beneath_name(const std::string& name) {
  if (name.empty()) return refused(name, "is an empty name");
  if (name.front() == '/') return refused(name, "is an absolute path");
  if (name.find('\0') != std::string::npos) return refused(name, "holds a NUL byte");
  if (has_parent_component(name)) return refused(name, "holds \"..\"");
  return Done{};
}

UniqueFd open_beneath_openat2(int directory, const std::string& name, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  // The kernel refuses a mode when nothing can be created.
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd{static_cast<int>(fd)};
    // EAGAIN: somebody renamed on the way and the kernel could not be sure; look again.
    if (errno != EINTR && errno != EAGAIN) return UniqueFd{};
  }
}

UniqueFd open_beneath_walking(int directory, const std::string& name, int flags, mode_t mode) {
  UniqueFd parent;
  std::string_view rest = name;
  int at = directory;
  for (;;) {
    const auto slash = rest.find('/');
    const std::string component{rest.substr(0, slash)};
    const auto next = rest.find_first_not_of('/', slash);
    if (slash == std::string_view::npos || next == std::string_view::npos) {
      const int last = slash == std::string_view::npos ? 0 : O_DIRECTORY;
      return UniqueFd{::openat(at, component.c_str(), flags | last | O_NOFOLLOW | O_CLOEXEC, mode)};
    }
    UniqueFd child{::openat(at, component.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
    if (!child) {
      // O_PATH finds a link in the place of a directory; openat2 says ELOOP to that.
      const int reason = errno;
      errno = reason == ENOTDIR && is_link(at, component) ? ELOOP : reason;
      return UniqueFd{};
    }
    parent = std::move(child);
    at = parent.get();
    rest.remove_prefix(next);
  }
}

}  // namespace patchbay::os
