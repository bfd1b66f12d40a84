#pragma once

#include <string>
#include <string_view>

namespace patchbay::fetch {

/// `text` as a value in a query or one part of a path (RFC 3986): all but letters, digits and
/// "-._~" as %XX.
std::string percent_encoded(std::string_view text);

/// `path` below `base`, whose own path is kept, with exactly one slash between them.
std::string joined_url(std::string_view base, std::string_view path);

// The rest is internal to core/fetch.

/// Whether `url` starts with https:// (any case).
bool is_https(std::string_view url);

/// `url` for people and logs: without user and password, and without its query, where signed URLs
/// carry their secret.
std::string without_secrets(std::string_view url);

/// Proxies as the environment names them: http_proxy, https_proxy and no_proxy, in small or capital
/// letters. libcurl reads them itself, but neither HTTP_PROXY nor a no_proxy separated by blanks.
struct Proxies {
  std::string for_http;  ///< empty: as libcurl finds it
  std::string exempt;    ///< separated by commas; empty: as libcurl finds it
};
Proxies proxies_from_environment();

}  // namespace patchbay::fetch
