#pragma once

#include <dlfcn.h>

#include <string>
#include <utility>

#include "patchbay/result.hpp"

namespace patchbay::module {

/// A shared library that is loaded only where it is needed, or may be missing on a device. It stays
/// until the process ends: libraries leave handlers behind that must not outlive them.
///
/// For device makers, this saves the start of a library in all the calls that do not need it. Link
/// with ${CMAKE_DL_LIBS}.
class DynamicLibrary {
 public:
  /// `name` as of dlopen(3), best with the number of its binary interface: "libcurl.so.4". The
  /// error is the loader's, and says which library and why.
  static Result<DynamicLibrary> open(const std::string& name) {
    void* const handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return Error{::dlerror()};
    return DynamicLibrary{name, handle};
  }

  /// Points `function` to the library's function `name`. Ask all_found() before you call it.
  template <typename Function>
  void find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (function == nullptr && missing_.empty()) missing_ = name;
  }
  /// Fails with the name of the first function that the library does not have.
  [[nodiscard]] Status all_found() const {
    if (missing_.empty()) return Done{};
    return Error{name_ + " is too old: it has no function " + missing_};
  }

 private:
  DynamicLibrary(std::string name, void* handle) : name_{std::move(name)}, handle_{handle} {}

  std::string name_;
  void* handle_;
  std::string missing_;
};

}  // namespace patchbay::module
