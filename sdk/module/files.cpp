#include "patchbay/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>

namespace patchbay::module {
namespace {

constexpr std::size_t kCopyChunk = 4 * 1024 * 1024;
constexpr std::size_t kBuffer = 64 * 1024;

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, DirectoryCloser>;

Result<std::vector<std::string>> names_in(int directory_fd, const std::string& path) {
  // fdopendir takes the descriptor over, and the caller still needs it.
  const int own = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return Error::from_errno(errno, "open directory " + path);
  const DirectoryStream stream{::fdopendir(own)};
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name{entry->d_name};
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Error::from_errno(errno, "read directory " + path);
  std::sort(names.begin(), names.end());
  return names;
}

Status write_all(int fd, std::span<const char> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write " + path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return Done{};
}

Result<std::size_t> read_some(int fd, std::span<char> buffer, const std::string& what) {
  while (true) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return Error::from_errno(errno, "read " + what);
  }
}

Result<std::uint64_t> copy_by_hand(int from, int to, const std::string& to_path,
                                   const CopyProgress& progress) {
  std::vector<char> buffer(kBuffer);
  std::uint64_t total = 0;
  while (true) {
    PATCHBAY_TRY(const auto count, read_some(from, buffer, "the source of " + to_path));
    if (count == 0) return total;
    PATCHBAY_CHECK(write_all(to, std::span{buffer}.first(count), to_path));
    total += count;
    if (progress) progress(total);
  }
}

struct Entry {
  bool is_directory;
  bool is_mount_point;
};

Result<std::optional<Entry>> look_at(int directory_fd, const std::string& name,
                                     const std::string& path) {
  struct statx info {};
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(directory_fd, name.c_str(), kFlags, STATX_TYPE, &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {std::nullopt};
    return Error::from_errno(errno, "look at " + path);
  }
  return {Entry{S_ISDIR(info.stx_mode), (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0}};
}

Fd open_for_emptying(int directory_fd, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd fd{::openat(directory_fd, name.c_str(), kFlags)};
  if (fd || errno != EACCES) return fd;
  ::fchmodat(directory_fd, name.c_str(), 0700, 0);
  return Fd{::openat(directory_fd, name.c_str(), kFlags)};
}

Status remove_entry(int parent_fd, const std::string& name, const std::string& path);

Status empty_directory(int parent_fd, const std::string& name, const std::string& path) {
  const auto directory = open_for_emptying(parent_fd, name);
  if (!directory) return Error::from_errno(errno, "open directory " + path);
  struct stat info {};
  const bool writable = ::fstat(directory.get(), &info) == 0 && (info.st_mode & S_IWUSR) != 0;
  if (!writable) ::fchmod(directory.get(), 0700);
  PATCHBAY_TRY(const auto names, names_in(directory.get(), path));
  for (const auto& child : names)
    PATCHBAY_CHECK(remove_entry(directory.get(), child, join_path(path, child)));
  return Done{};
}

Status remove_entry(int parent_fd, const std::string& name, const std::string& path) {
  PATCHBAY_TRY(const auto entry, look_at(parent_fd, name, path));
  if (!entry) return Done{};
  if (entry->is_mount_point)
    return Error{path + " is a mount point, and what is mounted there will not be removed; " +
                 "unmount it and remove the rest by hand"};
  if (entry->is_directory) PATCHBAY_CHECK(empty_directory(parent_fd, name, path));
  if (::unlinkat(parent_fd, name.c_str(), entry->is_directory ? AT_REMOVEDIR : 0) != 0 &&
      errno != ENOENT)
    return Error::from_errno(errno, "remove " + path);
  return Done{};
}

// A new name beside `path`, for replace_file: one writer, so one name does.
std::string beside(const std::string& path) {
  return join_path(parent_path(path), ".patchbay-state");
}

Result<FileAttributes> attributes_of_old(const std::string& path, mode_t mode_if_new) {
  FileAttributes wish;
  wish.mode = mode_if_new;
  wish.owner = ::geteuid();
  wish.group = ::getegid();
  const Fd old{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (old) return read_attributes(old.get(), path);
  if (errno == ENOENT) return wish;
  return Error::from_errno(errno, "open " + path);
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + path);
  std::string content;
  // Not cleared: what a small file leaves untouched costs nothing.
  const auto size = std::min(limit + 1, kBuffer);
  const auto buffer = std::make_unique_for_overwrite<char[]>(size);
  while (true) {
    PATCHBAY_TRY(const auto count, read_some(fd.get(), {buffer.get(), size}, path));
    if (count == 0) return content;
    content.append(buffer.get(), count);
    if (content.size() > limit)
      return Error{path + " has more than the " + std::to_string(limit) + " bytes allowed"};
  }
}

Result<std::uint64_t> copy_stream(int from, int to, const std::string& to_path,
                                  const CopyProgress& progress) {
  std::uint64_t total = 0;
  while (true) {
    const auto count = ::copy_file_range(from, nullptr, to, nullptr, kCopyChunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
      return Error::from_errno(errno, "write " + to_path);
    if (count < 0 || (count == 0 && total == 0)) {
      // Not everything can be copied inside the kernel; where nothing came, reading tells whether
      // there is nothing.
      PATCHBAY_TRY(const auto rest, copy_by_hand(from, to, to_path, progress));
      return total + rest;
    }
    if (count == 0) return total;
    total += static_cast<std::uint64_t>(count);
    if (progress) progress(total);
  }
}

Status copy_file(const std::string& from, const std::string& to, const FileAttributes& attributes,
                 Times times, const CopyProgress& progress) {
  const Fd source{::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (!source) return Error::from_errno(errno, "open " + from);
  const Fd copy{
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (!copy) return Error::from_errno(errno, "create " + to);

  const auto fill = [&]() -> Status {
    PATCHBAY_CHECK(copy_stream(source.get(), copy.get(), to, progress));
    PATCHBAY_CHECK(apply_attributes(copy.get(), to, attributes, times));
    if (::fsync(copy.get()) != 0) return Error::from_errno(errno, "sync " + to);
    return Done{};
  };
  auto status = fill();
  if (!status) ::unlink(to.c_str());
  return status;
}

Status replace_file(const std::string& path, std::string_view content, mode_t mode) {
  PATCHBAY_TRY(const auto wish, attributes_of_old(path, mode));
  const auto fresh = beside(path);
  ::unlink(fresh.c_str());
  const auto write_fresh = [&]() -> Status {
    const Fd fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!fd) return Error::from_errno(errno, "create " + fresh);
    PATCHBAY_CHECK(write_all(fd.get(), content, fresh));
    PATCHBAY_CHECK(apply_attributes(fd.get(), fresh, wish, Times::now));
    if (::fsync(fd.get()) != 0) return Error::from_errno(errno, "sync " + fresh);
    if (::rename(fresh.c_str(), path.c_str()) != 0)
      return Error::from_errno(errno, "rename " + fresh + " to " + path);
    return sync_directory(parent_path(path));
  };
  auto status = write_fresh();
  if (!status) ::unlink(fresh.c_str());
  return status;
}

Result<NewFile> NewFile::create(const std::string& path) {
  Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file) return Error::from_errno(errno, "create " + path);
  return NewFile{std::move(file), path};
}

Status NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "write " + path_);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    size_ += static_cast<std::uint64_t>(count);
  }
  return Done{};
}

Status NewFile::sync() {
  if (::fsync(file_.get()) != 0) return Error::from_errno(errno, "sync " + path_);
  return Done{};
}

Status sync_directory(const std::string& path) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open directory " + path);
  // Some file systems (and some network ones) cannot sync a directory; they have no better.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    return Error::from_errno(errno, "sync directory " + path);
  return Done{};
}

Status remove_tree(const std::string& path) {
  return remove_entry(AT_FDCWD, path, path);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open directory " + path);
  return names_in(fd.get(), path);
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

Status require_free_space(const std::string& path, std::uint64_t bytes, std::uint64_t files) {
  constexpr std::uint64_t kBlock = 4096;
  constexpr std::uint64_t kReserve = 4 * kBlock;  // directory blocks and metadata
  std::string nearest = path;
  struct statvfs info {};
  while (::statvfs(nearest.c_str(), &info) != 0) {
    if (errno != ENOENT || nearest == "/")
      return Error::from_errno(errno, "ask for the free space of " + nearest);
    nearest = parent_path(nearest);
  }
  if (info.f_blocks == 0) return Done{};  // does not say: ramfs, some network file systems
  const auto need = bytes + files * kBlock + kReserve;
  const auto have = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  if (need > have)
    return Error{"no space on the file system of " + path + ": " + human_size(need) + " needed, " +
                 human_size(have) + " free"};
  if (info.f_files != 0 && info.f_favail < files)
    return Error{"no space on the file system of " + path + ": " + std::to_string(files) +
                 " inodes needed, " + std::to_string(info.f_favail) + " free"};
  return Done{};
}

}  // namespace patchbay::module
