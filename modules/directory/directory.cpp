#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "modules/directory/archive.hpp"
#include "modules/directory/destination.hpp"
#include "modules/directory/overlay.hpp"
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
constexpr const char* kDestination = "dest_dir";

/// What the payload type says about the content: the program serves three.
enum class Layout : std::uint8_t {
  archive,  ///< `directory`: an archive takes the place of everything
  files,    ///< `persistent-app`: the payload files do
  overlay,  ///< `dir-overlay`: an archive is laid over what is there
};

Result<Layout> layout_of(const Context& context) {
  PATCHBAY_TRY(const auto type, context.header_value("payload_type"));
  if (type == "persistent-app") return Layout::files;
  return type == "dir-overlay" ? Layout::overlay : Layout::archive;
}

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

/// Puts the new content into an empty directory, durably.
using Fill = std::function<Status(const std::string& into)>;

Status replace_whole(Changes& changes, const Destination& destination, const Fill& fill) {
  PATCHBAY_CHECK(changes.make_directories(destination.parent));
  PATCHBAY_TRY(const auto staged, changes.temporary_in(destination.parent));
  PATCHBAY_CHECK(make_directory(staged, 0700));
  PATCHBAY_CHECK(start_like(staged, destination));
  PATCHBAY_CHECK(fill(staged));
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
Status replace_content(Changes& changes, const Destination& destination, const Fill& fill) {
  PATCHBAY_TRY(const auto ours, changes.temporary_in(destination.path));
  const auto fresh = module::join_path(ours, "new");
  const auto old = module::join_path(ours, "old");
  PATCHBAY_CHECK(make_directory(ours, 0700));
  PATCHBAY_CHECK(make_directory(fresh, 0700));
  PATCHBAY_CHECK(make_directory(old, 0700));
  PATCHBAY_CHECK(fill(fresh));

  PATCHBAY_TRY(const auto old_names, movable_in(destination.path, module::base_name(ours)));
  PATCHBAY_TRY(const auto new_names, movable_in(fresh, ""));
  PATCHBAY_CHECK(changes.set_aside(destination.path, old, old_names));
  return changes.bring_in(fresh, destination.path, new_names);
}

// The payload files themselves, for the type `persistent-app`. An artifact has no modes: a file
// that was there keeps everything but its content.
Status copy_in(Context& context, const Destination& destination, const std::string& into) {
  PATCHBAY_TRY(const auto files, context.payload_files());
  for (const auto& file : files) {
    if (file.name == kDestination) continue;
    module::FileAttributes attributes;
    attributes.owner = ::geteuid();
    attributes.group = ::getegid();
    const auto old_path = module::join_path(destination.path, file.name);
    const module::Fd old{::open(old_path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat info {};
    if (old && ::fstat(old.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      PATCHBAY_TRY(attributes, module::read_attributes(old.get(), old_path));
    }
    PATCHBAY_CHECK(module::copy_file(file.path, module::join_path(into, file.name), attributes,
                                     module::Times::now));
  }
  return sync_file_system(into);
}

class Directory final : public module::Module {
 public:
  Result<bool> supports_rollback(Context&) override { return true; }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto layout, layout_of(context));
    switch (layout) {
      case Layout::files:
        return install_files(context);
      case Layout::overlay:
        return install_overlay(context);
      case Layout::archive:
        break;
    }
    PATCHBAY_TRY(const auto archive, context.payload_file(kArchive));
    PATCHBAY_TRY(const auto destination, find_destination(context));
    PATCHBAY_TRY(const auto contents, scan_something(archive.path));
    return install_tree(context, destination, contents, [&](const std::string& into) {
      return unpack_durably(context, archive.path, into);
    });
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
    PATCHBAY_TRY(const auto layout, layout_of(context));
    if (files.empty())
      return Lines{
          layout == Layout::overlay
              ? "lay files over one directory (its path is in the payload), rollback possible"
              : "replace one directory (its path is in the payload), rollback possible"};
    if (layout == Layout::overlay) {
      PATCHBAY_TRY(const auto overlay, find_overlay(context));
      return Lines{"lay files over " + overlay.target + ", rollback possible"};
    }
    if (layout == Layout::files) {
      PATCHBAY_TRY(const auto destination, find_destination(context));
      return Lines{"replace " + destination.path + " (" + std::to_string(files.size() - 1) +
                   " files), rollback possible"};
    }
    PATCHBAY_TRY(const auto archive, context.payload_file(kArchive));
    PATCHBAY_TRY(const auto destination, find_destination(context));
    PATCHBAY_TRY(const auto contents, scan(archive.path));
    const bool is_new = destination.kind == Destination::Kind::absent;
    return Lines{(is_new ? "create " : "replace ") + destination.path + " (" +
                 std::to_string(contents.entries) + " entries, " +
                 module::human_size(contents.bytes) + "), rollback possible"};
  }

 private:
  static Result<Contents> scan_something(const std::string& archive) {
    PATCHBAY_TRY(auto contents, scan(archive));
    if (contents.entries == 0) return Error{"update.tar has nothing in it"};
    return contents;
  }

  static Status install_files(Context& context) {
    PATCHBAY_TRY(const auto destination, find_destination(context));
    PATCHBAY_TRY(const auto files, context.payload_files());
    Contents contents;
    for (const auto& file : files)
      contents = {contents.bytes + file.size, contents.entries + 1};
    return install_tree(context, destination, contents, [&](const std::string& into) {
      return copy_in(context, destination, into);
    });
  }

  static Status install_tree(Context& context, const Destination& destination,
                             const Contents& contents, const Fill& fill) {
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(module::require_free_space(destination.path, contents.bytes, contents.entries));
    PATCHBAY_CHECK(changes.or_undo(replace(changes, destination, fill)));
    context.log("installed " + destination.path + ", " + std::to_string(contents.entries) +
                " entries");
    return Done{};
  }

  static Status replace(Changes& changes, const Destination& destination, const Fill& fill) {
    PATCHBAY_CHECK(destination.kind == Destination::Kind::fixed
                       ? replace_content(changes, destination, fill)
                       : replace_whole(changes, destination, fill));
    return changes.complete();
  }

  static Status install_overlay(Context& context) {
    PATCHBAY_TRY(const auto archive, context.payload_file(kArchive));
    PATCHBAY_TRY(const auto overlay, find_overlay(context));
    PATCHBAY_TRY(const auto contents, scan_something(archive.path));
    PATCHBAY_TRY(auto changes, Changes::begin(context));
    PATCHBAY_CHECK(module::require_free_space(overlay.target, contents.bytes, contents.entries));
    PATCHBAY_CHECK(changes.or_undo(lay(context, changes, overlay, archive.path)));
    context.log("laid " + std::to_string(contents.entries) + " entries over " + overlay.target);
    return Done{};
  }

  static Status lay(Context& context, Changes& changes, const Overlay& overlay,
                    const std::string& archive) {
    PATCHBAY_CHECK(changes.make_directories(overlay.target));
    PATCHBAY_TRY(const auto ours, changes.temporary_in(overlay.target));
    const auto fresh = module::join_path(ours, "new");
    const auto old = module::join_path(ours, "old");
    for (const auto& path : {ours, fresh, old})
      PATCHBAY_CHECK(make_directory(path, 0700));
    PATCHBAY_CHECK(unpack_durably(context, archive, fresh));
    PATCHBAY_CHECK(lay_over(context, changes, overlay, fresh, old));
    return changes.complete();
  }
};

}  // namespace
}  // namespace patchbay::directory

PATCHBAY_EXECUTABLE(patchbay::directory::Directory)
