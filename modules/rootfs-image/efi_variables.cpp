#include "modules/rootfs-image/efi_variables.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;

constexpr std::size_t kLimit = 64 * 1024;
constexpr std::size_t kAttributes = 4;
// non-volatile, for boot services, at run time
constexpr char kWanted = 1 | 2 | 4;

// The kernel guards variables it does not know against `rm -r` with the immutable flag. Other file
// systems than efivarfs may not know it at all.
void make_changeable(const std::string& path) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  int flags = 0;
  if (!fd || ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  if ((flags & FS_IMMUTABLE_FL) == 0) return;
  flags &= ~FS_IMMUTABLE_FL;
  ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
}

}  // namespace

Result<std::optional<std::string>> EfiVariables::read(const std::string& name) const {
  const auto path = module::join_path(directory_, name);
  if (!module::exists(path)) return std::optional<std::string>{};
  PATCHBAY_TRY(auto content, module::read_file(path, kLimit));
  if (content.size() < kAttributes)
    return Error{path + " has only " + std::to_string(content.size()) +
                 " bytes; an EFI variable has 4 bytes of attributes in front of its value"};
  return std::optional{content.substr(kAttributes)};
}

Status EfiVariables::write(const std::string& name, const std::string& value) const {
  const auto path = module::join_path(directory_, name);
  make_changeable(path);
  const std::string content = std::string{kWanted, 0, 0, 0} + value;
  const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
  if (!fd) return Error::from_errno(errno, "open " + path);
  // efivarfs wants all of it in one call.
  const auto written = ::write(fd.get(), content.data(), content.size());
  if (written < 0) return Error::from_errno(errno, "write " + path);
  if (static_cast<std::size_t>(written) != content.size())
    return Error{"write " + path + ": only a part of it was taken"};
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && static_cast<std::size_t>(info.st_size) > content.size() &&
      ::ftruncate(fd.get(), static_cast<off_t>(content.size())) != 0)
    return Error::from_errno(errno, "shorten " + path);
  // efivarfs has nothing to sync: the firmware has the value already.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return Error::from_errno(errno, "sync " + path);
  return Done{};
}

Status EfiVariables::remove(const std::string& name) const {
  const auto path = module::join_path(directory_, name);
  make_changeable(path);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Done{};
  return Error::from_errno(errno, "remove " + path);
}

}  // namespace patchbay::rootfs_image
