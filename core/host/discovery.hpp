#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::host {

enum class Binding : std::uint8_t { executable, plugin };

struct ModuleFile {
  std::string type;  ///< payload type it serves
  std::string path;  ///< absolute
  Binding binding = Binding::executable;
};

/// The module for `type`: the first of `directories` that holds an executable file `type` wins.
/// A type is a name, never a path. Refused with `denied`, naming the path: a directory or file that
/// somebody other than root (or the user we run as) owns or can write, up to the module directory
/// itself. `not_found` lists where was looked and says how to install one. A file that is there but
/// is not executable is named in that message.
Result<ModuleFile> find_module(std::string_view type, const std::vector<std::string>& directories);

/// Every module in `directories`, winners first marked; for lists and inventory.
struct ListedModule {
  ModuleFile file;
  bool shadowed = false;  ///< an earlier directory has the same type
};
std::vector<ListedModule> list_modules(const std::vector<std::string>& directories);

}  // namespace patchbay::host
