#include "core/os/file.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "core/base/clock.hpp"

namespace patchbay::os {
namespace {

constexpr std::size_t kFirstRead = 4 * 1024;  // most files read whole are smaller
constexpr std::size_t kMaxHolderText = 256;
constexpr auto kLongestLook = std::chrono::milliseconds{100};

Error last_error(std::string_view what) {
  return Error::from_errno(errno, what);
}

struct SplitPath {
  std::string directory;
  std::string name;
};

SplitPath split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// Fills `temporary` and makes it durable; what is already there under that name (left by a process
/// that was killed, whatever its type and links) is removed first and never written through.
Status write_new_file(const std::string& temporary, ByteSpan content, mode_t mode) {
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) return last_error("remove " + temporary);
  PB_TRY(const UniqueFd file,
         open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  PB_CHECK(write_all(file.get(), content).context(temporary));
  // fchmod, because the mode given to open is cut by the umask.
  if (::fchmod(file.get(), mode) != 0) return last_error("set mode of " + temporary);
  return sync_file(file.get(), temporary);
}

/// False if somebody else has it.
Result<bool> try_lock(int fd, int kind, const std::string& path) {
  while (::flock(fd, kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return last_error("lock " + path);
  }
  return true;
}

std::string holder_in(const std::string& path) {
  const auto text = read_file(path, kMaxHolderText).value_or({});
  const auto line = text.substr(0, text.find('\n'));
  return line.empty() ? "another process" : printable(line);
}

}  // namespace

Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode) {
  for (;;) {
    UniqueFd file{::open(path.c_str(), flags | O_CLOEXEC, mode)};
    if (file) return file;
    if (errno != EINTR) return last_error("open " + path);
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  PB_TRY(const UniqueFd file, open_file(path, O_RDONLY));
  std::string content;
  for (;;) {
    const auto have = content.size();
    // One byte more than allowed tells a file at the limit from one beyond it.
    content.resize(have + std::min(std::max(kFirstRead, have), limit + 1 - have));
    const ssize_t got = ::read(file.get(), content.data() + have, content.size() - have);
    if (got < 0 && errno != EINTR) return last_error("read " + path);
    content.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return content;
    if (content.size() > limit) {
      return Error{ErrorCode::invalid_input,
                   path + ": larger than the " + human_size(limit) + " that it may have"};
    }
  }
}

Status write_all(int fd, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return last_error("write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return Done{};
}

Status sync_file(int fd, std::string_view what) {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return last_error("sync " + std::string{what});
  }
  return Done{};
}

Status sync_directory(const std::string& path) {
  PB_TRY(const UniqueFd directory, open_file(path, O_RDONLY | O_DIRECTORY));
  return sync_file(directory.get(), path);
}

Status replace_file(const std::string& path, ByteSpan content, mode_t mode) {
  const auto [directory, name] = split(path);
  // A fixed name: what a power cut leaves behind is found and removed by the next call.
  const std::string temporary = join(directory, "." + name + ".patchbay-tmp");
  Status written = write_new_file(temporary, content, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = last_error("rename " + temporary + " to " + path);
  }
  if (!written) {
    // Best effort: the first failure is the one to tell, and the next call removes it anyway.
    ::unlink(temporary.c_str());
    return std::move(written).context("replace " + path);
  }
  return sync_directory(directory);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<std::uint64_t> free_space(const std::string& path) {
  struct statvfs status {};
  while (::statvfs(path.c_str(), &status) != 0) {
    if (errno != EINTR) return last_error("free space of " + path);
  }
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

std::string join(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string{name};
  while (directory.ends_with('/'))
    directory.remove_suffix(1);
  while (name.starts_with('/'))
    name.remove_prefix(1);
  return std::string{directory} + "/" + std::string{name};
}

Result<FileLock> FileLock::acquire(const std::string& path, std::string_view holder) {
  PB_TRY(UniqueFd file, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  const auto end_of_looks = Deadline::after(kLongestLook);
  for (;;) {
    PB_TRY(const bool taken, try_lock(file.get(), LOCK_EX, path));
    if (taken) break;
    if (end_of_looks.passed()) {
      return Error{ErrorCode::conflict, path + " is held by " + holder_in(path)};
    }
    std::this_thread::sleep_for(kLongestLook / 10);
  }
  // Always the same length, in place of the holder before: a disk that is full has room for it.
  std::string text{holder.substr(0, kMaxHolderText - 1)};
  text.resize(kMaxHolderText, '\n');
  PB_CHECK(write_all(file.get(), as_bytes(text)).context(path));
  return FileLock{std::move(file)};
}

Result<std::optional<std::string>> FileLock::holder(const std::string& path) {
  if (!exists(path)) return std::optional<std::string>{};
  PB_TRY(const UniqueFd file, open_file(path, O_RDONLY | O_NOFOLLOW));
  PB_TRY(const bool is_free, try_lock(file.get(), LOCK_SH, path));
  return is_free ? std::optional<std::string>{} : holder_in(path);
}

FdSource::FdSource(UniqueFd fd, std::string name) : fd_{std::move(fd)}, name_{std::move(name)} {
  // Advice only: pipes answer ESPIPE, and nothing depends on it.
  (void)::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

Result<std::size_t> FdSource::read(std::span<std::byte> buffer) {
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return last_error("read " + name_);
  }
}

Status FdSource::skip(std::uint64_t count) {
  const auto all = size();
  const auto at = ::lseek(fd_.get(), 0, SEEK_CUR);
  if (!all || at < 0) return ByteSource::skip(count);
  const auto left = *all - std::min(*all, static_cast<std::uint64_t>(at));
  if (count > left) return ends_early(count - left).context(name_);
  if (::lseek(fd_.get(), static_cast<off_t>(count), SEEK_CUR) < 0)
    return last_error("seek " + name_);
  return Done{};
}

std::optional<std::uint64_t> FdSource::size() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace patchbay::os
