#include "core/os/file_replacement.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

Error last_error(std::string_view what) {
  return Error::from_errno(errno, what);
}

/// Where the links end; the path itself where nothing is there yet.
std::string resolved(const std::string& path) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> real{::realpath(path.c_str(), nullptr)};
  return real ? std::string{real.get()} : path;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status take_attributes(int fd, const std::string& target) {
  struct stat before {};
  if (::stat(target.c_str(), &before) != 0) return Done{};
  if (!S_ISREG(before.st_mode))
    return Error{ErrorCode::invalid_input, target + " is not a regular file"};
  // The owner first: changing it takes set-uid bits away. Only root may give files away.
  if (::fchown(fd, before.st_uid, before.st_gid) != 0 && errno != EPERM)
    return last_error("set owner of " + target);
  if (::fchmod(fd, before.st_mode & 07777U) != 0) return last_error("set mode of " + target);
  return Done{};
}

}  // namespace

Result<FileReplacement> FileReplacement::begin(const std::string& target) {
  const std::string real = resolved(target);
  // The process id keeps two programs that write the same target out of each other's way.
  const std::string name =
      "." + real.substr(real.rfind('/') + 1) + "." + std::to_string(::getpid()) + ".patchbay-tmp";
  PB_TRY(PendingFile file, PendingFile::create(join(directory_of(real), name)));
  PB_CHECK(take_attributes(file.fd(), real));
  return FileReplacement{real, std::move(file)};
}

Status FileReplacement::write(ByteSpan bytes) {
  PB_CHECK(write_all(file_.fd(), bytes).context(target_));
  size_ += bytes.size();
  return Done{};
}

Status FileReplacement::fill_in(std::uint64_t offset, std::string_view text) {
  if (::lseek(file_.fd(), static_cast<off_t>(offset), SEEK_SET) < 0) return last_error(target_);
  PB_CHECK(write_all(file_.fd(), as_bytes(text)).context(target_));
  if (::lseek(file_.fd(), 0, SEEK_END) < 0) return last_error(target_);
  return Done{};
}

Status FileReplacement::commit() {
  PB_CHECK(sync_file(file_.fd(), target_));
  PB_CHECK(file_.place(target_));
  return sync_directory(directory_of(target_));
}

}  // namespace patchbay::os
