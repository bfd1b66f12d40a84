#include "core/base/token_uri.hpp"

#include <algorithm>

namespace patchbay {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::string_view kEngine = "pkcs11";
constexpr std::string_view kPinValue = "pin-value=";
constexpr std::string_view kPinSource = "pin-source=";

}  // namespace

std::string engine_of_key(std::string_view key, std::string_view engine) {
  if (key.starts_with(kScheme)) return std::string{engine.empty() ? kEngine : engine};
  return std::string{engine == kEngine ? std::string_view{} : engine};
}

bool tells_pin(std::string_view uri) {
  return uri.find(kPinValue) != std::string_view::npos ||
         uri.find(kPinSource) != std::string_view::npos;
}

std::string without_pin(std::string_view key) {
  std::string shown{key};
  if (!key.starts_with(kScheme)) return shown;
  for (std::size_t at = 0; (at = shown.find(kPinValue, at)) != std::string::npos;) {
    at += kPinValue.size();
    shown.replace(at, std::min(shown.find_first_of(";&?", at), shown.size()) - at, "...");
  }
  return shown;
}

}  // namespace patchbay
