#pragma once

#include <sys/types.h>
#include <time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"

/// Files, the way an update needs them: durable, complete, with every attribute. All calls block,
/// and every error names the path. Changes that have to be undone by a rollback belong to
/// patchbay/changes.hpp, which is made of these.
namespace patchbay::module {

/// Everything of a file but its content.
struct FileAttributes {
  mode_t mode = 0644;  ///< permission bits with setuid, setgid and sticky
  uid_t owner = 0;
  gid_t group = 0;
  /// Name and value of each extended attribute. ACLs (system.posix_acl_*), the SELinux label
  /// (security.selinux) and file capabilities are extended attributes, too. Left out are those that
  /// belong to one content (security.ima, security.evm) or to one place (trusted.overlay.*).
  std::vector<std::pair<std::string, std::string>> extended;
  std::array<timespec, 2> times{};  ///< access, modification
};

/// What to do with the times of a copy.
enum class Times : std::uint8_t { now, keep };

/// Attributes of the open file `fd`. `path` is for messages. A file system without extended
/// attributes is not an error.
Result<FileAttributes> read_attributes(int fd, const std::string& path);
/// Gives them to the open file `fd`, in the order the kernel needs (owner first: a change of owner
/// clears setuid and capabilities). Attributes the file system cannot hold, and an owner the caller
/// may not give, are errors: half a copy is worse than none.
Status apply_attributes(int fd, const std::string& path, const FileAttributes& attributes,
                        Times times);

/// Whole content of a small file; more than `limit` bytes is an error.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Called while bytes are copied, with the count so far.
using CopyProgress = std::function<void(std::uint64_t bytes)>;

/// Copies everything from one descriptor to another (reflink or in-kernel copy where possible) and
/// returns the count. `to_path` is for messages. Not yet synced.
Result<std::uint64_t> copy_stream(int from, int to, const std::string& to_path,
                                  const CopyProgress& progress = {});

/// Makes `to`, which must not exist, a copy of the regular file `from` with the given attributes,
/// and syncs it. A failure leaves no `to` behind. The directory is not synced.
Status copy_file(const std::string& from, const std::string& to, const FileAttributes& attributes,
                 Times times, const CopyProgress& progress = {});

/// Puts `content` at `path`: old or new, never half, and durable on return. An existing file's
/// owner, mode, ACLs, label and other attributes are kept; a new file gets `mode`. Not undone by a
/// rollback; for state files of the module itself.
Status replace_file(const std::string& path, std::string_view content, mode_t mode);

/// A file that is being made, front to back, for the module alone (mode 0600).
class NewFile {
 public:
  /// Error also when something is at `path`.
  static Result<NewFile> create(const std::string& path);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  Status write(std::string_view bytes);
  /// Its content is on the disk then; its name is with sync_directory().
  Status sync();

 private:
  NewFile(Fd file, std::string path) : file_{std::move(file)}, path_{std::move(path)} {}

  Fd file_;
  std::string path_;
  std::uint64_t size_ = 0;
};

/// fsync of the directory at `path`: makes what was created, renamed or removed in it durable.
Status sync_directory(const std::string& path);

/// Removes whatever is at `path`. Symbolic links are removed, not followed; other file systems
/// mounted below are never entered, and are an error. Missing is success.
Status remove_tree(const std::string& path);

/// Names in a directory without "." and "..", in bytewise order.
Result<std::vector<std::string>> list_directory(const std::string& path);

/// Whether something is at `path`; a dangling symbolic link counts.
bool exists(const std::string& path);

/// "a/b", or "/b" for the root.
std::string join_path(std::string_view directory, std::string_view name);
/// Directory part of an absolute path; "/" for the root.
std::string parent_path(const std::string& path);
/// Last part of a path.
std::string base_name(const std::string& path);

/// An absolute path with doubled slashes, "." and trailing slashes taken out. Errors: empty,
/// relative, a NUL, or a ".." (what that means depends on symbolic links, so nobody should have to
/// guess it). `what` names the value in the message.
Result<std::string> normalise_path(const std::string& text, std::string_view what);

/// Checks that the file system holding `path` (or its nearest existing parent) takes `bytes` in
/// `files` new files, with a little left over, counting only what unprivileged users may use. The
/// error says how much is needed and how much there is.
Status require_free_space(const std::string& path, std::uint64_t bytes, std::uint64_t files);

/// "14.2 KiB", for people.
std::string human_size(std::uint64_t bytes);

}  // namespace patchbay::module
