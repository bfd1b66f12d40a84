#pragma once

#include <curl/curl.h>

#include "core/base/result.hpp"

/// libcurl, loaded when the first URL is opened. Linking to it would make every start of the client
/// load some thirty libraries, for installs from a file too. Internal to core/fetch.
namespace patchbay::fetch {

/// The functions used, under their names without "curl_".
struct CurlLibrary {
  decltype(&curl_global_init) global_init;
  decltype(&curl_version_info) version_info;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_recv) easy_recv;
  decltype(&curl_easy_send) easy_send;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_perform) multi_perform;
  decltype(&curl_multi_poll) multi_poll;
  decltype(&curl_multi_wakeup) multi_wakeup;
  decltype(&curl_multi_info_read) multi_info_read;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};

/// Loads and initialises the library the first time; it stays loaded until the process ends. Any
/// thread. Error: unsupported, when it is not installed or too old.
Result<const CurlLibrary*> curl_library();

/// The same for a library under another name, without initialising it: for tests.
Result<CurlLibrary> load_curl_library(const char* file_name);

}  // namespace patchbay::fetch
