#include "core/os/pending_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

constexpr mode_t kMode = 0666;

std::string directory_of(const std::string& path) {
  std::string directory = std::filesystem::path{path}.parent_path();
  return directory.empty() ? "." : directory;
}

}  // namespace

Result<PendingFile> PendingFile::create(std::string temporary) {
  if (auto fd = open_file(directory_of(temporary), O_RDWR | O_TMPFILE, kMode)) {
    PendingFile file{temporary, *std::move(fd), Named::no};
    if (::access(file.magic_link().c_str(), F_OK) == 0) return file;
  }
  ::unlink(temporary.c_str());
  PB_TRY(UniqueFd fd, open_file(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kMode));
  return PendingFile{std::move(temporary), std::move(fd), Named::yes};
}

PendingFile::~PendingFile() {
  if (fd_ && named_ == Named::yes) ::unlink(temporary_.c_str());
}

std::string PendingFile::magic_link() const {
  return "/proc/self/fd/" + std::to_string(fd_.get());
}

Result<UniqueFd> PendingFile::reopen() const {
  return open_file(named_ == Named::yes ? temporary_ : magic_link(), O_RDONLY);
}

Status PendingFile::place(const std::string& path) {
  if (named_ == Named::no) {
    const auto link = [this](const std::string& to) {
      return ::linkat(AT_FDCWD, magic_link().c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0;
    };
    // linkat() does not replace; with a name that is free, this is the end.
    if (link(path)) return Done{};
    ::unlink(temporary_.c_str());
    if (!link(temporary_)) return Error::from_errno(errno, "link " + temporary_);
    named_ = Named::yes;
  }
  if (::rename(temporary_.c_str(), path.c_str()) != 0)
    return Error::from_errno(errno, "rename " + temporary_ + " to " + path);
  named_ = Named::no;
  return Done{};
}

}  // namespace patchbay::os
