#include "modules/containers/curl_library.hpp"

#include <dlfcn.h>

#include <string>

namespace patchbay::containers {
namespace {

constexpr const char* kLibrary = "libcurl.so.4";

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

module::Result<CurlLibrary> load() {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return module::Error{
        std::string{kLibrary} +
        " is needed to talk to the container engine; install the package libcurl4"};
  }
  CurlLibrary curl{};
  const bool whole = find(library, "curl_easy_init", curl.easy_init) &&
                     find(library, "curl_easy_setopt", curl.easy_setopt) &&
                     find(library, "curl_easy_perform", curl.easy_perform) &&
                     find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
                     find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                     find(library, "curl_easy_strerror", curl.easy_strerror) &&
                     find(library, "curl_slist_append", curl.slist_append) &&
                     find(library, "curl_slist_free_all", curl.slist_free_all);
  if (!whole) return module::Error{std::string{kLibrary} + " is too old"};
  return curl;
}

}  // namespace

module::Result<const CurlLibrary*> CurlLibrary::get() {
  static const module::Result<CurlLibrary> loaded = load();
  if (!loaded) return loaded.error();
  return &loaded.value();
}

}  // namespace patchbay::containers
