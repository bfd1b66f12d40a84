#include "modules/rootfs-image/pack_address.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace patchbay::rootfs_image {
namespace {

constexpr std::size_t kLongest = 2048;

// Unreserved and reserved characters, and the percent sign; "#" means nothing to a server.
constexpr std::string_view kAllowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()*+,;=%";

std::string shown(const std::string& url) {
  auto text = url.substr(0, 200);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e;
      },
      '?');
  return text;
}

}  // namespace

module::Status check_pack_address(const std::string& url) {
  const auto wrong = [&url](const std::string& why) {
    return module::Error{"the url of the pack, '" + shown(url) + "', " + why};
  };
  constexpr std::array<std::string_view, 2> kSchemes{"https://", "http://"};
  const auto* const scheme =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&url](std::string_view known) {
        return ::strncasecmp(url.c_str(), known.data(), known.size()) == 0;
      });
  if (scheme == kSchemes.end()) return wrong("does not begin with https:// or http://");
  if (url.size() > kLongest) return wrong("is longer than 2048 characters");
  if (const auto at = url.find_first_not_of(kAllowed); at != std::string::npos)
    return wrong("has a character that no URL has, the " + std::to_string(at + 1) +
                 "th; write it as % and two digits");
  const auto host =
      url.substr(scheme->size(), url.find_first_of("/?", scheme->size()) - scheme->size());
  if (host.empty()) return wrong("names no server");
  if (host.find('@') != std::string::npos)
    return wrong("has a name or a password in it, which every log would show");
  return module::Done{};
}

}  // namespace patchbay::rootfs_image
