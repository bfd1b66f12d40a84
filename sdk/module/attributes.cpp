#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr const char* kAccessAcl = "system.posix_acl_access";

bool belongs_elsewhere(std::string_view name) {
  return name == "security.ima" || name == "security.evm" || name.starts_with("trusted.overlay.");
}

Result<std::vector<std::string>> list_extended(int fd, const std::string& path) {
  std::vector<std::string> names;
  std::vector<char> buffer(1024);
  ssize_t length = 0;
  while ((length = ::flistxattr(fd, buffer.data(), buffer.size())) < 0) {
    if (errno == ENOTSUP || errno == ENOSYS) return names;
    if (errno != ERANGE) return Error::from_errno(errno, "list extended attributes of " + path);
    buffer.resize(buffer.size() * 2);
  }
  for (const char* name = buffer.data(); name < buffer.data() + length;
       name += std::strlen(name) + 1) {
    names.emplace_back(name);
  }
  return names;
}

Result<std::string> read_extended(int fd, const std::string& path, const std::string& name) {
  std::string value(256, '\0');
  ssize_t length = 0;
  while ((length = ::fgetxattr(fd, name.c_str(), value.data(), value.size())) < 0) {
    if (errno != ERANGE)
      return Error::from_errno(errno, "read extended attribute " + name + " of " + path);
    value.resize(value.size() * 2);
  }
  value.resize(static_cast<std::size_t>(length));
  return value;
}

// A directory's default ACL is handed down to every file created in it, wanted or not.
Status drop_inherited_acl(int fd, const std::string& path, const FileAttributes& attributes) {
  const bool wanted = std::any_of(attributes.extended.begin(), attributes.extended.end(),
                                  [](const auto& entry) { return entry.first == kAccessAcl; });
  if (wanted || ::fremovexattr(fd, kAccessAcl) == 0) return Done{};
  if (errno == ENODATA || errno == ENOTSUP || errno == ENOSYS) return Done{};
  return Error::from_errno(errno, "remove the inherited ACL of " + path);
}

Status apply_extended(int fd, const std::string& path, const FileAttributes& attributes) {
  for (const auto& [name, value] : attributes.extended) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
      return Error::from_errno(errno, "set extended attribute " + name + " of " + path);
  }
  return drop_inherited_acl(fd, path, attributes);
}

}  // namespace

Result<FileAttributes> read_attributes(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, "look at " + path);

  FileAttributes attributes;
  attributes.mode = info.st_mode & 07777U;
  attributes.owner = info.st_uid;
  attributes.group = info.st_gid;
  attributes.times = {info.st_atim, info.st_mtim};
  PATCHBAY_TRY(auto names, list_extended(fd, path));
  for (auto& name : names) {
    if (belongs_elsewhere(name)) continue;
    PATCHBAY_TRY(auto value, read_extended(fd, path, name));
    attributes.extended.emplace_back(std::move(name), std::move(value));
  }
  return attributes;
}

Status apply_attributes(int fd, const std::string& path, const FileAttributes& attributes,
                        Times times) {
  struct stat now {};
  if (::fstat(fd, &now) != 0) return Error::from_errno(errno, "look at " + path);
  const bool same_owner = now.st_uid == attributes.owner && now.st_gid == attributes.group;
  if (!same_owner && ::fchown(fd, attributes.owner, attributes.group) != 0)
    return Error::from_errno(errno, "set the owner of " + path);
  PATCHBAY_CHECK(apply_extended(fd, path, attributes));
  if (::fchmod(fd, attributes.mode) != 0)
    return Error::from_errno(errno, "set the mode of " + path);
  if (times == Times::keep && ::futimens(fd, attributes.times.data()) != 0)
    return Error::from_errno(errno, "set the times of " + path);
  return Done{};
}

}  // namespace patchbay::module
