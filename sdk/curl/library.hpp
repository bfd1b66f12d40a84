#pragma once

#include <curl/curl.h>

#include "patchbay/result.hpp"

namespace patchbay::curl {

/// What we use of libcurl. Loaded when it is needed: most calls of a module talk to nobody, and it
/// brings some thirty libraries along.
struct Library {
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;

  /// It stays loaded until the process ends, so that loading it again costs nothing. The error is
  /// the loader's; what it was needed for, and how to get it, is for the caller to say.
  static module::Result<Library> load();
};

}  // namespace patchbay::curl
