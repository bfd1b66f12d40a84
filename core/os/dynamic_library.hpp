#pragma once

#include <dlfcn.h>

#include <string>

#include "core/base/result.hpp"

namespace patchbay::os {

/// A shared library that is loaded while the program runs, because not every run needs it. It stays
/// until the process ends: libraries leave handlers behind that must not outlive them.
class DynamicLibrary {
 public:
  /// Error: unsupported; the message is the loader's, with the library's name and the reason.
  static Result<DynamicLibrary> open(const char* file_name) {
    void* const handle = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return Error{ErrorCode::unsupported, ::dlerror()};
    return DynamicLibrary{handle};
  }

  /// False when the library has no function of that name.
  template <typename Function>
  bool find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    return function != nullptr;
  }

 private:
  explicit DynamicLibrary(void* handle) : handle_{handle} {}
  void* handle_;
};

}  // namespace patchbay::os
