#include "modules/single-file/request.hpp"

#include <linux/stat.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

namespace patchbay::single_file {
namespace {

using module::Context;
using module::Error;
using module::Result;

constexpr std::size_t kValueLimit = PATH_MAX;

// A payload file with one line in it.
Result<std::string> read_line(const Context& context, const std::string& name) {
  PATCHBAY_TRY(auto text, context.read_payload(name, kValueLimit));
  if (text.ends_with('\n')) text.pop_back();
  if (text.find('\n') != std::string::npos) return Error{name + " has more than one line"};
  if (text.find('\0') != std::string::npos) return Error{name + " contains a NUL byte"};
  return text;
}

Result<std::string> read_file_name(const Context& context) {
  PATCHBAY_TRY(auto name, read_line(context, "filename"));
  if (name.empty()) return Error{"filename is empty"};
  if (name == "." || name == ".." || name.find('/') != std::string::npos)
    return Error{"filename: '" + name + "' is not a plain file name"};
  if (name.size() > NAME_MAX) return Error{"filename has more than 255 bytes"};
  return name;
}

Result<std::optional<mode_t>> read_permissions(const Context& context) {
  PATCHBAY_TRY(const auto files, context.payload_files());
  bool there = false;
  for (const auto& file : files)
    there = there || file.name == "permissions";
  if (!there) return {std::nullopt};

  PATCHBAY_TRY(const auto digits, read_line(context, "permissions"));
  const bool octal = !digits.empty() && digits.size() <= 5 &&
                     digits.find_first_not_of("01234567") == std::string::npos;
  const auto mode = octal ? std::strtoul(digits.c_str(), nullptr, 8) : ULONG_MAX;
  if (mode > 07777) return Error{"permissions: '" + digits + "' is not an octal mode such as 0644"};
  return {static_cast<mode_t>(mode)};
}

Result<std::string> follow_link(const std::string& link) {
  const std::unique_ptr<char, void (*)(void*)> real{::realpath(link.c_str(), nullptr), std::free};
  if (real) return std::string{real.get()};
  return Error::from_errno(errno, link + " is a symbolic link that cannot be followed");
}

Result<std::string> find_target(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return path;
    return Error::from_errno(errno, "look at " + path);
  }
  auto target = path;
  if (S_ISLNK(info.st_mode)) {
    PATCHBAY_TRY(target, follow_link(path));
    if (::lstat(target.c_str(), &info) != 0) return Error::from_errno(errno, "look at " + target);
  }
  if (S_ISREG(info.st_mode)) return target;
  if (S_ISDIR(info.st_mode)) return Error{target + " is a directory and will not be replaced"};
  return Error{target + " is a device, pipe or socket and will not be replaced"};
}

}  // namespace

Result<Request> read_request(const Context& context) {
  PATCHBAY_TRY(const auto text, read_line(context, "dest_dir"));
  PATCHBAY_TRY(const auto name, read_file_name(context));
  Request request;
  PATCHBAY_TRY(request.directory, module::normalise_path(text, "dest_dir"));
  PATCHBAY_TRY(request.mode, read_permissions(context));
  PATCHBAY_TRY(request.content, context.payload_file(name));
  PATCHBAY_TRY(request.target, find_target(module::join_path(request.directory, name)));
  return request;
}

}  // namespace patchbay::single_file
