#include "core/fetch/curl_library.hpp"

#include <string>

#include "core/os/dynamic_library.hpp"

namespace patchbay::fetch {
namespace {

constexpr const char* kFileName = "libcurl.so.4";

Error cannot_use(const std::string& why) {
  return Error{ErrorCode::unsupported,
               "downloads need a library: " + why + "; install libcurl4 (7.68 or later)"};
}

bool find_all(const os::DynamicLibrary& library, CurlLibrary& curl) {
  return library.find("curl_global_init", curl.global_init) &&
         library.find("curl_version_info", curl.version_info) &&
         library.find("curl_easy_init", curl.easy_init) &&
         library.find("curl_easy_reset", curl.easy_reset) &&
         library.find("curl_easy_cleanup", curl.easy_cleanup) &&
         library.find("curl_easy_recv", curl.easy_recv) &&
         library.find("curl_easy_send", curl.easy_send) &&
         library.find("curl_easy_setopt", curl.easy_setopt) &&
         library.find("curl_easy_getinfo", curl.easy_getinfo) &&
         library.find("curl_easy_strerror", curl.easy_strerror) &&
         library.find("curl_multi_init", curl.multi_init) &&
         library.find("curl_multi_cleanup", curl.multi_cleanup) &&
         library.find("curl_multi_add_handle", curl.multi_add_handle) &&
         library.find("curl_multi_remove_handle", curl.multi_remove_handle) &&
         library.find("curl_multi_perform", curl.multi_perform) &&
         library.find("curl_multi_poll", curl.multi_poll) &&
         library.find("curl_multi_wakeup", curl.multi_wakeup) &&
         library.find("curl_multi_info_read", curl.multi_info_read) &&
         library.find("curl_slist_append", curl.slist_append) &&
         library.find("curl_slist_free_all", curl.slist_free_all);
}

Result<CurlLibrary> load_and_initialise() {
  PB_TRY(const CurlLibrary curl, load_curl_library(kFileName));
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return cannot_use(std::string{kFileName} + " cannot be initialised");
  }
  return curl;
}

}  // namespace

Result<CurlLibrary> load_curl_library(const char* file_name) {
  const auto library = os::DynamicLibrary::open(file_name);
  if (!library) return cannot_use(library.error().message());
  CurlLibrary curl{};
  if (!find_all(*library, curl)) return cannot_use(std::string{file_name} + " is too old");
  return curl;
}

Result<const CurlLibrary*> curl_library() {
  // The one piece of state that curl wants to be global: its initialisation happens once.
  static const Result<CurlLibrary> loaded = load_and_initialise();
  if (!loaded) return Error{loaded.error()};
  return &loaded.value();
}

}  // namespace patchbay::fetch
