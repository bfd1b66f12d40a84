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

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char letter : text) {
    if (kUnreserved.find(letter) != std::string_view::npos) {
      encoded += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
  }
  return encoded;
}

std::string joined_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/'))
    base.remove_suffix(1);
  while (path.starts_with('/'))
    path.remove_prefix(1);
  return std::string{base} + "/" + std::string{path};
}

Proxies proxies_from_environment() {
  Proxies proxies{either("http_proxy", "HTTP_PROXY"), either("no_proxy", "NO_PROXY")};
  std::replace_if(
      proxies.exempt.begin(), proxies.exempt.end(),
      [](char letter) { return letter == ' ' || letter == '\t'; }, ',');
  return proxies;
}

}  // namespace patchbay::fetch
