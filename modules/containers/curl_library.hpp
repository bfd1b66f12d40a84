#pragma once

#include <curl/curl.h>

#include "patchbay/result.hpp"

namespace patchbay::containers {

/// The functions of libcurl that a call of an engine needs, loaded at run time: most calls of a
/// module ask no engine, and libcurl brings some thirty libraries along.
struct CurlLibrary {
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;

  /// Loads the library the first time; it stays loaded until the process ends.
  static module::Result<const CurlLibrary*> get();
};

}  // namespace patchbay::containers
