#include "sdk/curl/library.hpp"

#include "patchbay/dynamic_library.hpp"

namespace patchbay::curl {

module::Result<Library> Library::load() {
  PATCHBAY_TRY(auto library, module::DynamicLibrary::open("libcurl.so.4"));
  Library curl{};
  library.find("curl_easy_init", curl.easy_init);
  library.find("curl_easy_setopt", curl.easy_setopt);
  library.find("curl_easy_perform", curl.easy_perform);
  library.find("curl_easy_getinfo", curl.easy_getinfo);
  library.find("curl_easy_cleanup", curl.easy_cleanup);
  library.find("curl_easy_strerror", curl.easy_strerror);
  library.find("curl_slist_append", curl.slist_append);
  library.find("curl_slist_free_all", curl.slist_free_all);
  PATCHBAY_CHECK(library.all_found());
  return curl;
}

}  // namespace patchbay::curl
