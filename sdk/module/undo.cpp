#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "patchbay/changes.hpp"
#include "sdk/module/changes_internal.hpp"

// The way back. Every step looks at what is there before it acts, so that it may be repeated; and
// every step is noted once it is durable, so that later ones are never repeated on top of it.
namespace patchbay::module {
namespace {

// A directory that is gone has nothing to be made durable.
Status sync_if_there(const std::string& directory) {
  auto status = sync_directory(directory);
  if (!status && status.error().error_number() == ENOENT) return Done{};
  return status;
}

Status rename_durably(const std::string& from, const std::string& to, unsigned flags) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) != 0)
    return Error::from_errno(errno, "rename " + from + " back to " + to);
  PATCHBAY_CHECK(sync_if_there(parent_path(to)));
  return sync_if_there(parent_path(from));
}

Status remove_durably(const std::string& path) {
  if (!exists(path)) return Done{};
  PATCHBAY_CHECK(remove_tree(path));
  return sync_if_there(parent_path(path));
}

Status undo_directory(const Context& context, const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return sync_if_there(parent_path(path));
  if (errno != ENOTEMPTY && errno != EEXIST)
    return Error::from_errno(errno, "remove directory " + path);
  context.log(path + " was made by this update, but is in use by others now, and stays");
  return Done{};
}

Status undo_replace(const std::string& target, const std::string& backup) {
  if (!exists(backup)) return Done{};
  PATCHBAY_CHECK(rename_durably(backup, target, 0));
  // When the new file had not taken its place yet, both names are links to one inode, and rename
  // has left them alone.
  return remove_durably(backup);
}

Status undo_exchange(const std::string& ours, const std::string& target, const std::string& old) {
  if (inode_of(ours) != old) return Done{};
  return rename_durably(ours, target, exists(target) ? RENAME_EXCHANGE : 0U);
}

// The name in our own directory tells whether the move had been made: nobody else goes there.
Status undo_set_aside(const std::string& target, const std::string& ours) {
  if (!exists(ours)) return Done{};
  PATCHBAY_CHECK(remove_durably(target));
  return rename_durably(ours, target, 0);
}

Status undo_bring_in(const std::string& ours, const std::string& target) {
  if (exists(ours) || !exists(target)) return Done{};
  return rename_durably(target, ours, 0);
}

using Step = Status (*)(const std::string&, const std::string&);

// record: kind, directory, directory, name...
Status undo_all(const Journal::Record& record, Step step) {
  for (auto name = record.rbegin(); name != record.rend() - 3; ++name)
    PATCHBAY_CHECK(step(join_path(record[1], *name), join_path(record[2], *name)));
  return Done{};
}

}  // namespace

bool Changes::has(std::string_view kind) const {
  const auto& records = journal_.records();
  return std::any_of(records.begin(), records.end(),
                     [kind](const auto& record) { return record.front() == kind; });
}

Status Changes::undo_record(const Journal::Record& record) {
  const std::string_view kind = record.front();
  const auto fields = record.size() - 1;
  if (kind == record::kDirectory && fields == 1) return undo_directory(*context_, record[1]);
  if (kind == record::kTemporary && fields == 1) return remove_durably(record[1]);
  if (kind == record::kReplace && fields == 2) return undo_replace(record[1], record[2]);
  if (kind == record::kExchange && fields == 3)
    return undo_exchange(record[1], record[2], record[3]);
  if (kind == record::kSetAside && fields == 2) return undo_set_aside(record[1], record[2]);
  if (kind == record::kBringIn && fields == 2) return undo_bring_in(record[1], record[2]);
  if (kind == record::kSetAsideAll && fields >= 2) return undo_all(record, undo_set_aside);
  if (kind == record::kBringInAll && fields >= 2) return undo_all(record, undo_bring_in);
  const bool is_note = kind == record::kComplete || kind == record::kUndo ||
                       kind == record::kUndone || kind == record::kClosed;
  if (is_note) return Done{};
  return Error{"the journal of changes has a record that cannot be understood: " + record.front()};
}

Status Changes::undo() {
  const auto records = journal_.records();
  const auto is_undone = [&records](std::size_t index) {
    const Journal::Record note{std::string{record::kUndone}, std::to_string(index)};
    return std::find(records.begin(), records.end(), note) != records.end();
  };
  if (!has(record::kUndo)) PATCHBAY_CHECK(journal_.append({std::string{record::kUndo}}));
  for (std::size_t index = records.size(); index-- > 0;) {
    const auto kind = records[index].front();
    if (kind == record::kUndo || kind == record::kUndone || kind == record::kComplete) continue;
    if (is_undone(index)) continue;
    PATCHBAY_CHECK(undo_record(records[index]));
    PATCHBAY_CHECK(journal_.append({std::string{record::kUndone}, std::to_string(index)}));
  }
  return journal_.append({std::string{record::kClosed}});
}

Status Changes::roll_back(Context& context) {
  PATCHBAY_TRY(auto changes, open(context));
  if (changes.journal_.empty() || changes.has(record::kClosed)) return Done{};
  return changes.undo();
}

Status Changes::clean_up(Context& context) {
  PATCHBAY_TRY(auto changes, open(context));
  if (changes.journal_.empty() || changes.has(record::kClosed)) return Done{};
  const bool keep_new = changes.has(record::kComplete) && !changes.has(record::kUndo);
  if (keep_new) return changes.remove_temporaries();
  return changes.undo().context("the old state could not be restored; what is left of it: " +
                                changes.temporaries());
}

Status Changes::remove_temporaries() {
  for (const auto& record : journal_.records()) {
    if (record.front() == record::kTemporary) PATCHBAY_CHECK(remove_durably(record.at(1)));
  }
  return journal_.append({std::string{record::kClosed}});
}

std::string Changes::temporaries() const {
  std::string list;
  for (const auto& record : journal_.records()) {
    if (record.front() == record::kTemporary && exists(record.at(1)))
      list += (list.empty() ? "" : ", ") + record.at(1);
  }
  return list.empty() ? "nothing" : list;
}

}  // namespace patchbay::module
