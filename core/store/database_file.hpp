#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/base/result.hpp"

namespace patchbay::store {

/// Reads the LMDB file behind `fd` the way LMDB would, but with every number checked, and says
/// what is wrong with it. `path` is used in messages only.
///
/// LMDB trusts its file: it maps it and follows page numbers without looking, so that a cut-off or
/// overwritten file ends the process by SIGBUS or SIGSEGV. This looks at the two meta pages and at
/// every page that a reader or a writer of the newest one can reach (the tree of entries and the
/// list of free pages); a store has a handful, so it costs some microseconds. A process that
/// commits meanwhile is no trouble.
///
/// Errors: integrity (damaged or not LMDB), unsupported (LMDB, but with features nobody uses here),
/// io.
Status check_database(int fd, const std::string& path);

using Entries = std::map<std::string, std::string>;

/// The entries of a file that a program with words of another size has written, 32 bits where this
/// one has 64 or the other way round; LMDB itself cannot read those. Nothing: it is none of them.
/// Checks and errors are those of check_database().
Result<std::optional<Entries>> read_foreign_database(int fd, const std::string& path);

}  // namespace patchbay::store
