#include "core/fetch/curl_library.hpp"

#include <dlfcn.h>

#include <string>

namespace patchbay::fetch {
namespace {

constexpr const char* kFileName = "libcurl.so.4";

Error cannot_use(const std::string& file_name, const std::string& why) {
  return Error{ErrorCode::unsupported,
               "downloads need " + file_name + ": " + why + "; install libcurl4 (7.68 or later)"};
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

bool find_all(void* library, CurlLibrary& curl) {
  return find(library, "curl_global_init", curl.global_init) &&
         find(library, "curl_version_info", curl.version_info) &&
         find(library, "curl_easy_init", curl.easy_init) &&
         find(library, "curl_easy_reset", curl.easy_reset) &&
         find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
         find(library, "curl_easy_setopt", curl.easy_setopt) &&
         find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
         find(library, "curl_easy_strerror", curl.easy_strerror) &&
         find(library, "curl_multi_init", curl.multi_init) &&
         find(library, "curl_multi_cleanup", curl.multi_cleanup) &&
         find(library, "curl_multi_add_handle", curl.multi_add_handle) &&
         find(library, "curl_multi_remove_handle", curl.multi_remove_handle) &&
         find(library, "curl_multi_perform", curl.multi_perform) &&
         find(library, "curl_multi_poll", curl.multi_poll) &&
         find(library, "curl_multi_wakeup", curl.multi_wakeup) &&
         find(library, "curl_multi_info_read", curl.multi_info_read) &&
         find(library, "curl_slist_append", curl.slist_append) &&
         find(library, "curl_slist_free_all", curl.slist_free_all);
}

Result<CurlLibrary> load_and_initialise() {
  PB_TRY(const CurlLibrary curl, load_curl_library(kFileName));
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return cannot_use(kFileName, "it cannot be initialised");
  }
  return curl;
}

}  // namespace

Result<CurlLibrary> load_curl_library(const char* file_name) {
  // Never closed: its TLS library registers handlers that must outlive it.
  void* library = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return cannot_use(file_name, "it is not installed");
  CurlLibrary curl{};
  if (!find_all(library, curl)) return cannot_use(file_name, "it is too old");
  return curl;
}

Result<const CurlLibrary*> curl_library() {
  // The one piece of state that curl wants to be global: its initialisation happens once.
  static const Result<CurlLibrary> loaded = load_and_initialise();
  if (!loaded) return Error{loaded.error()};
  return &loaded.value();
}

}  // namespace patchbay::fetch
