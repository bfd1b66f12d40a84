#include "core/fetch/url.hpp"

#include <strings.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/bytes.hpp"
#include "core/fetch/source.hpp"

namespace patchbay::fetch {
namespace {

bool has_scheme(std::string_view url, std::string_view scheme) {
  return url.size() >= scheme.size() &&
         ::strncasecmp(url.data(), scheme.data(), scheme.size()) == 0;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string either(const char* small, const char* capital) {
  const std::string value = variable(small);
  return value.empty() ? variable(capital) : value;
}

}  // namespace

bool is_url(std::string_view location) {
  return has_scheme(location, "http://") || has_scheme(location, "https://");
}

bool is_https(std::string_view url) {
  return has_scheme(url, "https://");
}

std::string without_secrets(std::string_view url) {
  const auto scheme_end = url.find("://");
  const auto begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const auto authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const auto at = authority.rfind('@');
  const auto host = at == std::string_view::npos ? begin : begin + at + 1;
  const auto query = url.find_first_of("?#", host);
  std::string shown =
      std::string{url.substr(0, begin)} + std::string{url.substr(host, query - host)};
  if (query != std::string_view::npos) shown += "?...";
  return printable(shown);
}

Proxies proxies_from_environment() {
  Proxies proxies{either("http_proxy", "HTTP_PROXY"), either("no_proxy", "NO_PROXY")};
  std::replace_if(
      proxies.exempt.begin(), proxies.exempt.end(),
      [](char letter) { return letter == ' ' || letter == '\t'; }, ',');
  return proxies;
}

}  // namespace patchbay::fetch
