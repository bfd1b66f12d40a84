#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "modules/directory/archive.hpp"
#include "modules/directory/destination.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/module.hpp"

namespace patchbay::directory {
namespace {

using module::Changes;
using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::Result;
using module::Status;

constexpr const char* kArchive = "update.tar";

Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return Done{};
  return Error::from_errno(errno, "create " + path);
}

// The archive says what the directory itself is like, if it has an entry for it; otherwise it is
// like the one before.
Status start_like(const std::string& fresh, const Destination& destination) {
  const module::Fd fd{::open(fresh.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "open " + fresh);
  module::FileAttributes attributes;
  attributes.mode = 0755;
  attributes.owner = ::geteuid();
  attributes.group = ::getegid();
  if (destination.kind != Destination::Kind::absent) {
    const module::Fd old{::open(destination.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!old) return Error::from_errno(errno, "open " + destination.path);
    PATCHBAY_TRY(attributes, module::read_attributes(old.get(), destination.path));
  }
  return module::apply_attributes(fd.get(), fresh, attributes, module::Times::now);
}

// One call for everything just unpacked, instead of an fsync a file.
Status sync_file_system(const std::string& path) {
  const module::Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd || ::syncfs(fd.get()) != 0) return Error::from_errno(errno, "sync " + path);
  return Done{};
}

Status unpack_durably(Context& context, const std::string& archive, const std::string& into) {
  context.status("unpacking");
  PATCHBAY_CHECK(unpack(archive, into, context));
  context.status("waiting for the disk");
  return sync_file_system(into);
}

Status replace_whole(Context& context, Changes& changes, const Destination& destination,
                     const std::string& archive) {
  PATCHBAY_CHECK(changes.make_directories(destination.parent));
  PATCHBAY_TRY(const auto staged, changes.temporary_in(destination.parent));
  PATCHBAY_CHECK(make_directory(staged, 0700));
  PATCHBAY_CHECK(start_like(staged, destination));
  PATCHBAY_CHECK(unpack_durably(context, archive, staged));
  return changes.replace_directory(staged, destination.path);
}

// What is to be moved out of a mount point, or into it. fsck keeps lost+found for itself.
Result<std::vector<std::string>> movable_in(const std::string& path, const std::string& ours) {
  PATCHBAY_TRY(auto names, module::list_directory(path));
  std::erase_if(names, [&](const auto& name) { return name == ours || name == "lost+found"; });
  return names;
}

// A mount point keeps its place, so its content changes places entry by entry: the old entries go
// to a hidden directory on the same file system, then the new ones come out of another.
Status replace_content(Context& context, Changes& changes, const Destination& destination,
                       const std::string& archive) {
  PATCHBAY_TRY(const auto ours, changes.temporary_in(destination.path));
  const auto fresh = module::join_path(ours, "new");
  const auto old = module::join_path(ours, "old");
  PATCHBAY_CHECK(make_directory(ours, 0700));
  PATCHBAY_CHECK(make_directory(fresh, 0700));
  PATCHBAY_CHECK(make_directory(old, 0700));
  PATCHBAY_CHECK(unpack_durably(context, archive, fresh));

  PATCHBAY_TRY(const auto old_names, movable_in(destination.path, module::base_name(ours)));
  PATCHBAY_TRY(const auto new_names, movable_in(fresh, ""));
  PATCHBAY_CHECK(changes.set_aside(destination.path, old, old_names));
  return changes.bring_in(fresh, destination.path, new_names);
}

class Directory final : public module::Module {
 public:
  Result<bool> supports_rollback(Context&) override { return true; }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto archive, context.payload_file(kArchive));
    PATCHBAY_TRY(const auto destination, find_destination(context));
    PATCHBAY_TRY(const auto contents, scan(archive.path));
    if (contents.entries == 0) return Error{"update.tar has nothing in it"};
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(module::require_free_space(destination.path, contents.bytes, contents.entries));
    PATCHBAY_CHECK(changes.or_undo(replace(context, changes, destination, archive.path)));
    context.log("installed " + destination.path + ", " + std::to_string(contents.entries) +
                " entries");
    return Done{};
  }

  Status rollback(Context& context) override { return Changes::roll_back(context); }
  Status failure(Context& context) override { return Changes::clean_up(context); }
  Status cleanup(Context& context) override { return Changes::clean_up(context); }

  Result<std::optional<Description>> describe(Context&) override {
    return {Description{.type = "directory",
                        .description = "Replaces a directory by the content of a tar archive.",
                        .rollback = true,
                        .reboot = Description::Reboots::never,
                        .streams = false,
                        .writes = {"*"}}};
  }

  Result<Lines> plan(Context& context) override {
    PATCHBAY_TRY(const auto files, context.payload_files());
    if (files.empty())
      return Lines{"replace one directory (its path is in the payload), rollback possible"};
    PATCHBAY_TRY(const auto archive, context.payload_file(kArchive));
    PATCHBAY_TRY(const auto destination, find_destination(context));
    PATCHBAY_TRY(const auto contents, scan(archive.path));
    const bool is_new = destination.kind == Destination::Kind::absent;
    return Lines{(is_new ? "create " : "replace ") + destination.path + " (" +
                 std::to_string(contents.entries) + " entries, " +
                 module::human_size(contents.bytes) + "), rollback possible"};
  }

 private:
  static Status replace(Context& context, Changes& changes, const Destination& destination,
                        const std::string& archive) {
    PATCHBAY_CHECK(destination.kind == Destination::Kind::fixed
                       ? replace_content(context, changes, destination, archive)
                       : replace_whole(context, changes, destination, archive));
    return changes.complete();
  }
};

}  // namespace
}  // namespace patchbay::directory

PATCHBAY_EXECUTABLE(patchbay::directory::Directory)
