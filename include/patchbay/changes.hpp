#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/context.hpp"
#include "patchbay/files.hpp"
#include "patchbay/journal.hpp"
#include "patchbay/result.hpp"

namespace patchbay::module {

/// Changes to the system that can be undone after a power cut at any instant.
///
/// Each change is written to a journal in the work tree's `tmp/` before it is made, with all that
/// is needed to take it back. A module with rollback is then five lines:
///
///     Status install(Context& context) override {
///       PATCHBAY_TRY(auto changes, Changes::begin(context));
///       PATCHBAY_CHECK(changes.or_undo(changes.replace_file(target, payload.path, wish)));
///       return changes.complete();
///     }
///     Status rollback(Context& context) override { return Changes::roll_back(context); }
///     Status cleanup(Context& context) override { return Changes::clean_up(context); }
///
/// What holds:
/// - After roll_back() everything is as it was before begin(): content, owner, mode, extended
///   attributes and times of files, and what did not exist does not exist again, created parent
///   directories included. It may follow an install that never began, was cut anywhere, failed, or
///   was committed; it may be cut and repeated.
/// - After clean_up() no temporary or backup file is left. It keeps the new state if complete() had
///   returned and no rollback was begun; otherwise it finishes the undoing first.
/// - Backups lie beside what they back up, under names `.patchbay-<16 hex digits>`, so that they
/// are
///   on the same file system and cost a link or a rename rather than a copy.
///
/// One thread, one Changes for a work tree.
class Changes {
 public:
  /// For ArtifactInstall. Undoes and forgets what an earlier, interrupted install left.
  static Result<Changes> begin(Context& context);
  /// For ArtifactRollback; nothing to do is success.
  static Status roll_back(Context& context);
  /// For Cleanup (and ArtifactFailure, if you like); nothing to do is success. When undoing is
  /// still impossible, backups are kept, and the error says where they are.
  static Status clean_up(Context& context);

  /// Makes a directory and its missing parents, root's and mode 0755.
  Status make_directories(const std::string& path);

  /// What the file should be like, beyond its content.
  struct FileWish {
    std::optional<mode_t> mode{};  ///< nothing: as the old file, or `mode_if_new`
    mode_t mode_if_new = 0644;
    CopyProgress progress{};
  };
  /// Puts a copy of `source` at `target`, durably, in one step: other programs see the old file or
  /// the new. Owner, group, ACLs, label and other extended attributes of an old file are kept. The
  /// old file itself (the inode) is set aside by a hard link, or as a copy where the file system
  /// has no links. `target` must be a regular file or absent, and its directory must exist.
  Status replace_file(const std::string& target, const std::string& source, const FileWish& wish);

  /// An unused hidden name in `directory`, to build something in; journaled, so that whatever comes
  /// to be there is removed by roll_back() and clean_up().
  Result<std::string> temporary_in(const std::string& directory);

  /// Puts the directory `staged`, a temporary_in() of the parent directory of `target`, in the
  /// place of `target`, durably: in one step where the file system can exchange two names, else by
  /// two renames. `target` is a directory (not a mount point) or absent.
  Status replace_directory(const std::string& staged, const std::string& target);

  /// Two moves of the named entries between a directory of the system and a directory of ours (in a
  /// temporary_in() of the same file system), for places that cannot be replaced as a whole, such
  /// as mount points: first everything old is set aside, then everything new is brought in.
  Status set_aside(const std::string& directory, const std::string& ours,
                   const std::vector<std::string>& names);
  Status bring_in(const std::string& ours, const std::string& directory,
                  const std::vector<std::string>& names);

  /// The install has succeeded: from here on clean_up() keeps the new state.
  Status complete();

  /// `status`; but if that is a failure, everything is undone before it is returned, so that a
  /// failed install leaves nothing to a client that may not ask for rollback.
  Status or_undo(Status status);

 private:
  Changes(Context& context, Journal journal) : context_{&context}, journal_{std::move(journal)} {}
  static Result<Changes> open(Context& context);

  using Maker = std::function<Status(const std::string& fresh)>;  ///< makes the new file
  Status bring_in_file(const std::string& target, const Maker& make);
  Status exchange_file(const std::string& target, const Maker& make);
  Status copy_aside(const std::string& target);
  Status replace_by_exchange(const std::string& staged, const std::string& target);
  Status replace_by_renames(const std::string& staged, const std::string& target);
  Status undo();
  Status undo_record(const Journal::Record& record);
  Status remove_temporaries();
  [[nodiscard]] bool has(std::string_view kind) const;
  [[nodiscard]] std::string temporaries() const;

  Context* context_;
  Journal journal_;
};

}  // namespace patchbay::module
