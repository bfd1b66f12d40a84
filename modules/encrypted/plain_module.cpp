#include "modules/encrypted/plain_module.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

namespace patchbay::encrypted {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

Status check(const std::string& directory, const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), std::free};
  if (!real) return Error::from_errno(errno, path);
  PATCHBAY_CHECK(check_nobody_else_can_change(directory));
  PATCHBAY_CHECK(check_nobody_else_can_change(module::parent_path(real.get())));
  return check_nobody_else_can_change(real.get());
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::string> plain_type_of(const std::string& type) {
  if (!type.ends_with(kSuffix) || type.size() == kSuffix.size())
    return Error{"payload type '" + type + "' does not end with " + std::string{kSuffix} +
                 " behind the type of what is encrypted"};
  auto plain = type.substr(0, type.size() - kSuffix.size());
  if (plain.ends_with(kSuffix))
    return Error{"payload type '" + type + "': encrypted twice, which is not supported"};
  return plain;
}

Result<std::string> find_plain_module(const std::string& plain_type, const std::string& self,
                                      const Settings& settings) {
  std::vector<std::string> directories{module::parent_path(self)};
  directories.insert(directories.end(), settings.modules.begin(), settings.modules.end());
  std::string looked;
  for (const auto& directory : directories) {
    auto path = module::join_path(directory, plain_type);
    if (is_program(path)) {
      PATCHBAY_CHECK(check(directory, path).context("update module '" + plain_type + "'"));
      return path;
    }
    looked += (looked.empty() ? "" : ", ") + directory;
  }
  return Error{"no update module for payload type '" + plain_type + "', which is encrypted here; " +
               "looked in " + looked + "; name its directory as Modules in " + settings.file};
}

}  // namespace patchbay::encrypted
