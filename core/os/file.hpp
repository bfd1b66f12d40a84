#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/byte_source.hpp"
#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

/// Files and directories. Everything blocks; errors name the path. Every descriptor is O_CLOEXEC.
namespace patchbay::os {

/// open(2) with O_CLOEXEC added.
Result<UniqueFd> open_file(const std::string& path, int flags, mode_t mode = 0);

/// Whole content of a file. More than `limit` bytes is invalid_input, so that nobody's file can
/// fill our memory.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Writes every byte, however many calls that takes; EINTR is retried.
Status write_all(int fd, ByteSpan bytes);

/// fsync(2) of an open file. `what` names it in the error.
Status sync_file(int fd, std::string_view what);
/// fsync(2) of a directory: makes renames, creations and removals in it durable.
Status sync_directory(const std::string& path);

/// Puts `content` at `path` so that, whatever happens, `path` holds the old content or the new, and
/// after a successful return the new content survives a power cut: temporary file in the same
/// directory, write, fsync, rename, fsync of the directory. Nobody else writes state files.
/// The temporary file is removed again on failure.
Status replace_file(const std::string& path, ByteSpan content, mode_t mode);

/// mkdir -p. New directories get `mode` exactly (no umask) and are made durable.
Status make_directories(const std::string& path, mode_t mode);

/// rm -rf, never following a symbolic link; a missing path is success.
Status remove_tree(const std::string& path);

/// Names in a directory, sorted by byte value, without "." and "..". A missing directory is
/// not_found.
Result<std::vector<std::string>> list_directory(const std::string& path);

/// Whether something is at `path` (a dangling symbolic link counts).
bool exists(const std::string& path);

/// Bytes an unprivileged writer can still put on the file system that holds `path`.
Result<std::uint64_t> free_space(const std::string& path);

/// "a/b": joins with exactly one slash; for paths that are ours, never for names out of an
/// artifact.
std::string join(std::string_view directory, std::string_view name);

/// An open directory; names from an artifact are only ever opened beneath one.
class Directory {
 public:
  static Result<Directory> open(const std::string& path);

  /// openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS (where the kernel lacks openat2: the same
  /// checked component by component). `name` that leaves the directory is `denied`.
  [[nodiscard]] Result<UniqueFd> open_beneath(const std::string& name, int flags,
                                              mode_t mode = 0) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// fsync of this directory.
  [[nodiscard]] Status sync() const;

 private:
  Directory(UniqueFd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}
  UniqueFd fd_;
  std::string path_;
};

/// An exclusive lock on a file (flock); released by the destructor or by the death of the process.
class FileLock {
 public:
  /// Takes the lock at once or fails with `conflict`, naming the holder: the text that the holder
  /// passed as `holder` (for example "patchbay install, process 123"). The file (0600) is created
  /// when missing and never removed.
  static Result<FileLock> acquire(const std::string& path, std::string_view holder);

  /// Who has the lock now, in the holder's own words ("another process" if there are none); nothing
  /// if nobody has it or the file is not there. Takes the lock, shared, for a moment, which
  /// `acquire` waits out.
  static Result<std::optional<std::string>> holder(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_{std::move(fd)} {}
  UniqueFd fd_;
};

/// ByteSource over a descriptor: file, pipe, standard input. Reads with large buffers; tells the
/// kernel about sequential access where that applies.
class FdSource final : public ByteSource {
 public:
  /// `name` is what errors call it ("update.mender", "standard input").
  FdSource(UniqueFd fd, std::string name);
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  /// Moves the place in a regular file; reads on in a pipe.
  Status skip(std::uint64_t count) override;
  /// Size of a regular file; nothing for a pipe.
  [[nodiscard]] std::optional<std::uint64_t> size() const override;

 private:
  UniqueFd fd_;
  std::string name_;
};

}  // namespace patchbay::os
