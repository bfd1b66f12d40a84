#include "modules/deb/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "modules/deb/tools.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::deb {

using module::Done;
using module::Error;
using module::Status;

Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return Done{};
  return Error::from_errno(errno, "create " + path);
}

Status sync_file(const std::string& path) {
  const module::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file && ::fsync(file.get()) == 0) return Done{};
  return Error::from_errno(errno, "sync " + path);
}

Status copy_with_mode(const std::string& from, const std::string& to, mode_t mode) {
  module::FileAttributes attributes;
  attributes.mode = mode;
  return module::copy_file(from, to, attributes, module::Times::now);
}

Status remove_if_there(const std::string& path) {
  // A file system that is read-only says so first.
  if (!module::exists(path)) return Done{};
  if (::remove(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return Done{};
  if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY) return Done{};
  return Error::from_errno(errno, "remove " + path);
}

Status require_writable(const std::string& directory) {
  if (::access(directory.c_str(), W_OK) == 0 || errno != EROFS) return Done{};
  return Error{directory +
               " is on a file system that is mounted read-only; mount it writable for the update"};
}

Status archive_files(const std::string& archive, const std::string& paths) {
  return run_tool(
      "tar",
      {"--directory=/", "--create", "--file=" + archive, "--no-recursion", "--xattrs", "--acls",
       "--numeric-owner", "--verbatim-files-from", "--no-unquote", "--files-from=-"},
      paths);
}

Status extract_files(const std::string& archive, const std::string& top) {
  return run_tool("tar", {"--directory=" + top, "--extract", "--file=" + archive, "--xattrs",
                          "--acls", "--numeric-owner", "--preserve-permissions"});
}

}  // namespace patchbay::deb
