#pragma once

#include <sys/types.h>

#include <string>

#include "patchbay/result.hpp"

/// What this module does with files and directories beside what patchbay/files.hpp has.
namespace patchbay::deb {

/// One that is there already is fine.
module::Status make_directory(const std::string& path, mode_t mode);
module::Status sync_file(const std::string& path);
module::Status copy_with_mode(const std::string& from, const std::string& to, mode_t mode);
/// What is not there is fine, and a directory with something in it, which stays.
module::Status remove_if_there(const std::string& path);

/// Whether the file system of the directory can be changed at all. Errors: it is mounted read-only.
module::Status require_writable(const std::string& directory);

/// Puts what `paths` names, a line each and from the root on, into `archive`, with all attributes.
module::Status archive_files(const std::string& archive, const std::string& paths);
/// Puts them below `top`.
module::Status extract_files(const std::string& archive, const std::string& top);

}  // namespace patchbay::deb
