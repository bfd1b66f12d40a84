#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "core/os/beneath.hpp"
#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

Error last_error(std::string_view what) {
  return Error::from_errno(errno, what);
}

struct CloseDir {
  void operator()(DIR* stream) const { ::closedir(stream); }
};
using DirStream = std::unique_ptr<DIR, CloseDir>;

Result<DirStream> stream_of(UniqueFd fd, const std::string& path) {
  DirStream stream{::fdopendir(fd.get())};
  if (!stream) return last_error("read directory " + path);
  (void)fd.release();
  return stream;
}

bool is_dot(const char* name) {
  const std::string_view text{name};
  return text == "." || text == "..";
}

/// The next name but "." and ".."; empty at the end.
Result<std::string> next_name(DIR* stream, const std::string& path) {
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry != nullptr && is_dot(entry->d_name)) continue;
    if (entry != nullptr) return std::string{entry->d_name};
    if (errno != 0) return last_error("read directory " + path);
    return std::string{};
  }
}

Status make_one(const std::string& path, const std::string& parent, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST) return Done{};
    return last_error("create directory " + path);
  }
  // The mode given to mkdir is cut by the umask.
  if (::chmod(path.c_str(), mode) != 0) return last_error("set mode of " + path);
  return sync_directory(parent);
}

Status require_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return last_error("directory " + path);
  if (!S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::invalid_input, path + " exists and is not a directory"};
  }
  return Done{};
}

/// Opens a directory found in another for emptying it, without following a link and without
/// crossing into a mounted file system: what a killed module has left mounted is not ours to erase.
UniqueFd open_for_removal(int parent, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how);
  if (fd >= 0 || errno != ENOSYS) return UniqueFd{static_cast<int>(fd)};
  return UniqueFd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

/// Gives the owner access to a directory that denies it; errno tells when that fails.
bool grant_access(int parent, const std::string& name) {
  const UniqueFd handle{
      ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!handle) return false;
  // chmod of the name would follow a link that has just taken its place.
  return ::chmod(("/proc/self/fd/" + std::to_string(handle.get())).c_str(), S_IRWXU) == 0;
}

/// Empties a tree with two open descriptors, however deep it is: down by name, up by "..".
class TreeRemover {
 public:
  static Result<TreeRemover> open(const std::string& path) {
    UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd && errno == EACCES && grant_access(AT_FDCWD, path)) {
      fd.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!fd) return last_error("open directory " + path);
    PB_TRY(auto stream, stream_of(std::move(fd), path));
    return TreeRemover{std::move(stream), path};
  }

  Status empty() {
    for (;;) {
      PB_TRY(const std::string name, next_name(stream_.get(), path_));
      if (!name.empty()) {
        PB_CHECK(remove_or_enter(name));
      } else if (levels_.empty()) {
        return Done{};
      } else {
        PB_CHECK(leave());
      }
    }
  }

 private:
  struct Level {
    std::string name;  // of the directory entered
    dev_t device;      // of the one it was entered from
    ino_t inode;
  };

  TreeRemover(DirStream stream, std::string path)
      : stream_{std::move(stream)}, path_{std::move(path)} {}

  Status remove_or_enter(const std::string& name) {
    const int here = ::dirfd(stream_.get());
    if (::unlinkat(here, name.c_str(), 0) == 0 || errno == ENOENT) return Done{};
    if (errno == EACCES && grant_access_here()) {
      if (::unlinkat(here, name.c_str(), 0) == 0) return Done{};
    }
    if (errno != EISDIR) return last_error("remove " + join(path_, name));
    if (::unlinkat(here, name.c_str(), AT_REMOVEDIR) == 0) return Done{};
    return enter(name);
  }

  Status enter(const std::string& name) {
    const int here = ::dirfd(stream_.get());
    struct stat status {};
    if (::fstat(here, &status) != 0) return last_error("stat " + path_);
    const std::string inside = join(path_, name);
    UniqueFd fd = open_for_removal(here, name);
    if (!fd && errno == EACCES && grant_access(here, name)) fd = open_for_removal(here, name);
    if (!fd && errno == EXDEV) {
      return Error{ErrorCode::conflict,
                   "remove " + inside + ": something is mounted there; unmount it first"};
    }
    if (!fd) return last_error("open directory " + inside);
    PB_TRY(stream_, stream_of(std::move(fd), inside));
    levels_.push_back({name, status.st_dev, status.st_ino});
    path_ = inside;
    return Done{};
  }

  Status leave() {
    const Level level = std::move(levels_.back());
    levels_.pop_back();
    path_.resize(path_.size() - level.name.size() - 1);
    UniqueFd parent{::openat(::dirfd(stream_.get()), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct stat status {};
    if (!parent || ::fstat(parent.get(), &status) != 0) return last_error("open " + path_);
    if (status.st_dev != level.device || status.st_ino != level.inode) {
      return Error{ErrorCode::conflict, path_ + " was moved while it was being removed"};
    }
    if (::unlinkat(parent.get(), level.name.c_str(), AT_REMOVEDIR) != 0) {
      return last_error("remove " + join(path_, level.name));
    }
    PB_TRY(stream_, stream_of(std::move(parent), path_));
    return Done{};
  }

  bool grant_access_here() { return ::fchmod(::dirfd(stream_.get()), S_IRWXU) == 0; }

  DirStream stream_;
  std::string path_;
  std::vector<Level> levels_;
};

}  // namespace

Status make_directories(const std::string& path, mode_t mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return Done{};
  std::string parent = path.starts_with('/') ? "/" : ".";
  for (std::size_t begin = path.find_first_not_of('/'); begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const std::string prefix = path.substr(0, end);
    PB_CHECK(make_one(prefix, parent, mode));
    parent = prefix;
    begin = path.find_first_not_of('/', end);
  }
  return require_directory(path);
}

Status remove_tree(const std::string& path) {
  std::string bare = path;
  // A trailing slash would make the kernel follow a link.
  while (bare.ends_with('/'))
    bare.pop_back();
  if (bare.empty()) return Error{ErrorCode::invalid_input, "refuse to remove \"" + path + "\""};
  if (::unlink(bare.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return Done{};
  if (errno != EISDIR) return last_error("remove " + bare);
  if (::rmdir(bare.c_str()) == 0) return Done{};
  PB_TRY(auto remover, TreeRemover::open(bare));
  PB_CHECK(remover.empty());
  if (::rmdir(bare.c_str()) != 0 && errno != ENOENT) return last_error("remove " + bare);
  return Done{};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  PB_TRY(UniqueFd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  PB_TRY(const auto stream, stream_of(std::move(fd), path));
  std::vector<std::string> names;
  for (;;) {
    PB_TRY(std::string name, next_name(stream.get(), path));
    if (name.empty()) break;
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Directory> Directory::open(const std::string& path) {
  PB_TRY(UniqueFd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  return Directory{std::move(fd), path};
}

Result<UniqueFd> Directory::open_beneath(const std::string& name, int flags, mode_t mode) const {
  PB_CHECK(check_beneath_name(name).context(path_));
  UniqueFd file = open_beneath_openat2(fd_.get(), name, flags, mode);
  if (!file && errno == ENOSYS) file = open_beneath_walking(fd_.get(), name, flags, mode);
  if (file) return file;
  const int reason = errno;
  const std::string where = join(path_, printable(name));
  if (reason == EXDEV) return Error{ErrorCode::denied, where + " leaves its directory"};
  if (reason == ELOOP) {
    return Error{ErrorCode::denied, where + " goes through a symbolic link"};
  }
  return Error::from_errno(reason, "open " + where);
}

Status Directory::sync() const {
  return sync_file(fd_.get(), path_);
}

}  // namespace patchbay::os
