#include "core/fetch/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace patchbay::fetch {
namespace {

using std::chrono::seconds;

/// Seconds since 1970. The forms after the first are those of the nineties.
std::optional<seconds> parse_date(const std::string& text) {
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return seconds{::timegm(&parts)};
  }
  return std::nullopt;
}

seconds bounded(seconds wait) {
  return std::clamp(wait, seconds{0}, kLongestRetryAfter);
}

}  // namespace

std::optional<seconds> parse_retry_after(const std::string& value, const std::string& date) {
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string::npos) {
    std::int64_t count = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), count);
    return parsed.ec == std::errc{} ? bounded(seconds{count}) : kLongestRetryAfter;
  }
  const auto until = parse_date(value);
  if (!until) return std::nullopt;
  return bounded(*until - parse_date(date).value_or(seconds{std::time(nullptr)}));
}

}  // namespace patchbay::fetch
