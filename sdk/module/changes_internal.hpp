#pragma once

#include <string>
#include <string_view>

/// The kinds of records in the journal of class Changes, first field of each.
///
/// Those of a change are written before it is made. Undoing runs through them from the last to the
/// first and notes each that is done, so that a repetition goes on where the one before was cut.
namespace patchbay::module::record {

inline constexpr std::string_view kDirectory = "directory";  ///< path, about to be created
inline constexpr std::string_view kTemporary = "temporary";  ///< path, ours alone
inline constexpr std::string_view kReplace = "replace";      ///< target, backup
inline constexpr std::string_view kExchange = "exchange";    ///< ours, target, inode of the old
inline constexpr std::string_view kSetAside = "set-aside";   ///< target, ours
inline constexpr std::string_view kBringIn = "bring-in";     ///< ours, target
inline constexpr std::string_view kSetAsideAll = "set-aside-all";  ///< directory, ours, name...
inline constexpr std::string_view kBringInAll = "bring-in-all";    ///< ours, directory, name...
inline constexpr std::string_view kComplete = "complete";
inline constexpr std::string_view kUndo = "undo";      ///< undoing has begun
inline constexpr std::string_view kUndone = "undone";  ///< index of the record taken back
inline constexpr std::string_view kClosed = "closed";  ///< nothing of ours is left anywhere

}  // namespace patchbay::module::record

namespace patchbay::module {

/// Number of the inode at `path`, without following a symbolic link; empty when nothing is there.
std::string inode_of(const std::string& path);

}  // namespace patchbay::module
