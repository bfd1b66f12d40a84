#include "patchbay/changes.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "patchbay/fd.hpp"
#include "sdk/module/changes_internal.hpp"

namespace patchbay::module {
namespace {

std::string random_name() {
  std::array<unsigned char, 8> bytes{};
  // Eight bytes are never cut short, and the pool is ready long before updates are.
  [[maybe_unused]] const auto count = ::getrandom(bytes.data(), bytes.size(), 0);
  std::string name = ".patchbay-";
  for (const unsigned byte : bytes) {
    name += "0123456789abcdef"[byte / 16];
    name += "0123456789abcdef"[byte % 16];
  }
  return name;
}

Status sync_parents(const std::string& a, const std::string& b) {
  PATCHBAY_CHECK(sync_directory(parent_path(a)));
  return parent_path(a) == parent_path(b) ? Status{Done{}} : sync_directory(parent_path(b));
}

Status rename_path(const std::string& from, const std::string& to, unsigned flags) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return Done{};
  return Error::from_errno(errno, "rename " + from + " to " + to);
}

// rename that refuses to replace something, also where the kernel cannot be asked to.
Status move_path(const std::string& from, const std::string& to) {
  auto status = rename_path(from, to, RENAME_NOREPLACE);
  if (status) return status;
  const int why = status.error().error_number();
  if (why != EINVAL && why != ENOSYS) return status;
  if (exists(to)) return Error::from_errno(EEXIST, "rename " + from + " to " + to);
  return rename_path(from, to, 0);
}

// Whether an inode keeps its number across a reboot: undoing an exchange after a power cut relies
// on it. FAT, network and FUSE file systems may number anew at each mount.
bool numbers_are_stable(const std::string& path) {
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) return false;
  switch (static_cast<unsigned long>(info.f_type)) {
    case EXT4_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case 0x24051905UL:  // ubifs
    case 0xca451a4eUL:  // bcachefs
    case 0x2fc12fc1UL:  // zfs
      return true;
    default:
      return false;
  }
}

enum class Found : std::uint8_t { nothing, file, directory };

Result<Found> find_replaceable(const std::string& path) {
  struct statx info {};
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(AT_FDCWD, path.c_str(), kFlags, STATX_TYPE, &info) != 0) {
    if (errno == ENOENT) return Found::nothing;
    return Error::from_errno(errno, "look at " + path);
  }
  if ((info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
    return Error{path + " is a mount point and cannot be replaced"};
  if (S_ISREG(info.stx_mode)) return Found::file;
  if (S_ISDIR(info.stx_mode)) return Found::directory;
  return Error{path + " is neither a regular file nor a directory, and will not be replaced"};
}

Result<FileAttributes> wanted_attributes(const std::string& target, Found found,
                                         const Changes::FileWish& wish) {
  FileAttributes attributes;
  attributes.mode = wish.mode_if_new;
  attributes.owner = ::geteuid();
  attributes.group = ::getegid();
  if (found == Found::file) {
    const Fd old{::open(target.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!old) return Error::from_errno(errno, "open " + target);
    PATCHBAY_TRY(attributes, read_attributes(old.get(), target));
  }
  if (wish.mode) attributes.mode = *wish.mode;
  return attributes;
}

// A second name for the very inode, so that a rollback brings back whatever a file can have. False
// on file systems without links.
Result<bool> link_file(const std::string& target, const std::string& backup) {
  if (::link(target.c_str(), backup.c_str()) == 0) return true;
  const int why = errno;
  const bool no_links = why == EPERM || why == EOPNOTSUPP || why == ENOSYS || why == EMLINK;
  if (no_links) return false;
  return Error::from_errno(why, "link " + target + " to " + backup);
}

Status copy_with_attributes(const std::string& target, const std::string& backup) {
  const Fd old{::open(target.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat info {};
  if (!old || ::fstat(old.get(), &info) != 0) return Error::from_errno(errno, "open " + target);
  PATCHBAY_CHECK(require_free_space(backup, static_cast<std::uint64_t>(info.st_size), 1));
  PATCHBAY_TRY(const auto attributes, read_attributes(old.get(), target));
  return copy_file(target, backup, attributes, Times::keep);
}

Result<std::string> unused_name_in(const std::string& directory) {
  auto path = join_path(directory, random_name());
  if (exists(path)) return Error{path + " already exists"};
  return path;
}

}  // namespace

std::string inode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? std::to_string(info.st_ino) : "";
}

Result<Changes> Changes::open(Context& context) {
  PATCHBAY_TRY(auto journal, Journal::open(context.tmp_path("changes")));
  return Changes{context, std::move(journal)};
}

Result<Changes> Changes::begin(Context& context) {
  PATCHBAY_TRY(auto changes, open(context));
  if (changes.journal_.empty()) return changes;
  if (!changes.has(record::kClosed)) PATCHBAY_CHECK(changes.undo());
  PATCHBAY_CHECK(changes.journal_.clear());
  return changes;
}

Status Changes::make_directories(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return Done{};
    return Error{path + " is not a directory"};
  }
  if (errno != ENOENT) return Error::from_errno(errno, "look at " + path);
  if (exists(path)) return Error{path + " is a symbolic link that leads nowhere"};

  PATCHBAY_CHECK(make_directories(parent_path(path)));
  PATCHBAY_CHECK(journal_.append({std::string{record::kDirectory}, path}));
  if (::mkdir(path.c_str(), 0755) != 0) return Error::from_errno(errno, "create " + path);
  if (::chmod(path.c_str(), 0755) != 0) return Error::from_errno(errno, "set mode of " + path);
  return sync_directory(parent_path(path));
}

Result<std::string> Changes::temporary_in(const std::string& directory) {
  PATCHBAY_TRY(auto path, unused_name_in(directory));
  PATCHBAY_CHECK(journal_.append({std::string{record::kTemporary}, path}));
  return path;
}

Status Changes::replace_file(const std::string& target, const std::string& source,
                             const FileWish& wish) {
  PATCHBAY_TRY(const auto found, find_replaceable(target));
  if (found == Found::directory) return Error{target + " is a directory"};
  struct stat info {};
  if (::stat(source.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + source);
  PATCHBAY_CHECK(
      require_free_space(parent_path(target), static_cast<std::uint64_t>(info.st_size), 1));
  PATCHBAY_TRY(const auto attributes, wanted_attributes(target, found, wish));

  const auto make = [&](const std::string& fresh) {
    return copy_file(source, fresh, attributes, Times::now, wish.progress);
  };
  return found == Found::nothing ? bring_in_file(target, make) : exchange_file(target, make);
}

Status Changes::bring_in_file(const std::string& target, const Maker& make) {
  PATCHBAY_TRY(const auto fresh, temporary_in(parent_path(target)));
  PATCHBAY_CHECK(make(fresh));
  PATCHBAY_CHECK(journal_.append({std::string{record::kBringIn}, fresh, target}));
  PATCHBAY_CHECK(move_path(fresh, target));
  return sync_directory(parent_path(target));
}

Status Changes::exchange_file(const std::string& target, const Maker& make) {
  const auto directory = parent_path(target);
  PATCHBAY_TRY(const auto fresh, unused_name_in(directory));
  PATCHBAY_TRY(const auto backup, unused_name_in(directory));
  // All in one entry, as each waits for the disk: to undo the replacement is to do nothing until
  // the backup is there, and a link is there as a whole.
  PATCHBAY_CHECK(journal_.append_all({{std::string{record::kTemporary}, fresh},
                                      {std::string{record::kTemporary}, backup},
                                      {std::string{record::kReplace}, target, backup}}));
  PATCHBAY_CHECK(make(fresh));
  PATCHBAY_TRY(const bool linked, link_file(target, backup));
  if (!linked) PATCHBAY_CHECK(copy_aside(target));
  PATCHBAY_CHECK(sync_directory(directory));
  PATCHBAY_CHECK(rename_path(fresh, target, 0));
  return sync_directory(directory);
}

// A copy grows: undoing must not take it for the old file before it is whole.
Status Changes::copy_aside(const std::string& target) {
  PATCHBAY_TRY(const auto backup, temporary_in(parent_path(target)));
  PATCHBAY_CHECK(copy_with_attributes(target, backup));
  return journal_.append({std::string{record::kReplace}, target, backup});
}

Status Changes::replace_directory(const std::string& staged, const std::string& target) {
  PATCHBAY_TRY(const auto found, find_replaceable(target));
  if (found == Found::file) return Error{target + " is not a directory"};
  if (found == Found::nothing) {
    PATCHBAY_CHECK(journal_.append({std::string{record::kBringIn}, staged, target}));
    PATCHBAY_CHECK(move_path(staged, target));
    return sync_parents(staged, target);
  }
  if (numbers_are_stable(target)) {
    auto status = replace_by_exchange(staged, target);
    if (status) return status;
    const int why = status.error().error_number();
    if (why != EINVAL && why != ENOSYS) return status;
  }
  return replace_by_renames(staged, target);
}

Status Changes::replace_by_exchange(const std::string& staged, const std::string& target) {
  PATCHBAY_CHECK(
      journal_.append({std::string{record::kExchange}, staged, target, inode_of(target)}));
  PATCHBAY_CHECK(rename_path(staged, target, RENAME_EXCHANGE));
  return sync_parents(staged, target);
}

Status Changes::replace_by_renames(const std::string& staged, const std::string& target) {
  PATCHBAY_TRY(const auto old, temporary_in(parent_path(target)));
  PATCHBAY_CHECK(journal_.append({std::string{record::kSetAside}, target, old}));
  PATCHBAY_CHECK(move_path(target, old));
  PATCHBAY_CHECK(sync_parents(target, old));
  PATCHBAY_CHECK(journal_.append({std::string{record::kBringIn}, staged, target}));
  PATCHBAY_CHECK(move_path(staged, target));
  return sync_parents(staged, target);
}

Status Changes::set_aside(const std::string& directory, const std::string& ours,
                          const std::vector<std::string>& names) {
  Journal::Record record{std::string{record::kSetAsideAll}, directory, ours};
  record.insert(record.end(), names.begin(), names.end());
  PATCHBAY_CHECK(journal_.append(std::move(record)));
  for (const auto& name : names)
    PATCHBAY_CHECK(move_path(join_path(directory, name), join_path(ours, name)));
  PATCHBAY_CHECK(sync_directory(ours));
  return sync_directory(directory);
}

Status Changes::bring_in(const std::string& ours, const std::string& directory,
                         const std::vector<std::string>& names) {
  Journal::Record record{std::string{record::kBringInAll}, ours, directory};
  record.insert(record.end(), names.begin(), names.end());
  PATCHBAY_CHECK(journal_.append(std::move(record)));
  for (const auto& name : names)
    PATCHBAY_CHECK(move_path(join_path(ours, name), join_path(directory, name)));
  PATCHBAY_CHECK(sync_directory(directory));
  return sync_directory(ours);
}

Status Changes::complete() {
  return journal_.append({std::string{record::kComplete}});
}

Status Changes::or_undo(Status status) {
  if (status) return status;
  if (auto undone = undo(); !undone)
    context_->log("undoing the failed install: " + undone.error().message());
  return status;
}

}  // namespace patchbay::module
