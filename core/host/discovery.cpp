#include "core/host/discovery.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::host {
namespace {

constexpr std::string_view kPluginSuffix = ".so";

std::string quoted(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

bool is_name(std::string_view type) {
  if (type.empty() || type.size() > 255 || type == "." || type == "..") return false;
  return std::none_of(type.begin(), type.end(), [](char c) {
    return c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
}

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_executable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

/// Whoever can change a module can become the user we run as.
Status check_nobody_else_can_change(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, path);
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{ErrorCode::denied, path + " belongs to user " + std::to_string(status.st_uid) +
                                        ", who could put anything there; chown it to root"};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{ErrorCode::denied,
                 path + " can be written by others than its owner; chmod go-w " + path};
  }
  return Done{};
}

/// The path as found, after the file it leads to (it may be a link) and both directories on the way
/// have been checked.
Result<std::string> trusted(const std::string& directory, const std::string& path) {
  std::error_code failed;
  const auto target = std::filesystem::canonical(path, failed);
  if (failed) return Error::from_errno(failed.value(), path);
  PB_CHECK(check_nobody_else_can_change(directory));
  PB_CHECK(check_nobody_else_can_change(target.parent_path().string()));
  PB_CHECK(check_nobody_else_can_change(target.string()));
  return std::filesystem::absolute(path, failed).lexically_normal().string();
}

/// The file of `type` in one directory, executable before plugin.
std::optional<ModuleFile> candidate(std::string_view type, const std::string& directory) {
  const auto path = os::join(directory, type);
  // x.so is the plugin of type x, whatever its mode bits say.
  if (!type.ends_with(kPluginSuffix) && is_regular_file(path) && is_executable(path)) {
    return ModuleFile{std::string{type}, path, Binding::executable};
  }
  const auto plugin = path + std::string{kPluginSuffix};
  if (is_regular_file(plugin)) return ModuleFile{std::string{type}, plugin, Binding::plugin};
  return std::nullopt;
}

std::string describe_miss(std::string_view type, const std::string& directory) {
  const auto path = os::join(directory, type);
  if (!os::exists(directory)) return directory + " (does not exist)";
  if (!os::exists(path)) return directory;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return directory + " (" + Error::from_errno(errno, printable(path)).message() + ")";
  if (!is_regular_file(path)) return directory + " (" + printable(path) + " is not a regular file)";
  return directory + " (" + printable(path) + " is not executable: chmod 755 it)";
}

Error missing(std::string_view type, const std::vector<std::string>& directories) {
  std::string looked;
  for (const auto& directory : directories) {
    looked += (looked.empty() ? "" : ", ") + describe_miss(type, directory);
  }
  return Error{ErrorCode::not_found,
               "no update module for payload type " + quoted(type) + "; looked in " +
                   (looked.empty() ? "no directory at all" : looked) +
                   "; install the package that has it, or put its executable, named like the "
                   "type, into one of these directories"};
}

std::optional<ModuleFile> listed(const std::string& name, const std::string& directory) {
  const auto path = os::join(directory, name);
  if (name.starts_with('.') || !is_regular_file(path)) return std::nullopt;
  if (name.ends_with(kPluginSuffix)) {
    const auto type = name.substr(0, name.size() - kPluginSuffix.size());
    return ModuleFile{type, path, Binding::plugin};
  }
  if (!is_executable(path)) return std::nullopt;
  return ModuleFile{name, path, Binding::executable};
}

/// The modules of one directory in the order in which find_module() would take them.
std::vector<ModuleFile> modules_in(const std::string& directory) {
  std::vector<ModuleFile> found;
  // A directory that is missing or unreadable has no modules; find_module() says which it was.
  for (const auto& name : os::list_directory(directory).value_or({})) {
    if (auto file = listed(name, directory)) found.push_back(std::move(*file));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.type != b.type ? a.type < b.type : a.binding < b.binding;
  });
  return found;
}

}  // namespace

Result<ModuleFile> find_module(std::string_view type, const std::vector<std::string>& directories) {
  if (!is_name(type)) {
    return Error{ErrorCode::invalid_input,
                 "payload type " + quoted(type) + " is not a name that a module can have"};
  }
  for (const auto& directory : directories) {
    if (directory.empty()) continue;
    auto file = candidate(type, directory);
    if (!file) continue;
    PB_TRY(file->path, trusted(directory, file->path).context("update module " + quoted(type)));
    return std::move(*file);
  }
  return missing(type, directories);
}

std::vector<ListedModule> list_modules(const std::vector<std::string>& directories) {
  std::vector<ListedModule> all;
  std::set<std::string> seen;
  for (const auto& directory : directories) {
    for (auto& file : modules_in(directory)) {
      const auto first = seen.insert(file.type).second;
      all.push_back({std::move(file), !first});
    }
  }
  std::stable_partition(all.begin(), all.end(),
                        [](const auto& module) { return !module.shadowed; });
  return all;
}

}  // namespace patchbay::host
