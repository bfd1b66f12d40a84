#pragma once

#include <chrono>
#include <optional>
#include <string>

/// Internal to core/fetch.
namespace patchbay::fetch {

/// The longest wait that a server is believed to mean.
inline constexpr std::chrono::seconds kLongestRetryAfter = std::chrono::hours{24};

/// What a Retry-After header asks for: seconds, or a date of HTTP (RFC 9110, 5.6.7) in any of its
/// three forms. A date is counted from `date`, the server's own Date header, because the clock of a
/// device may be wrong; from now where that is missing. Past dates are 0, long waits cut to
/// kLongestRetryAfter. Nothing when `value` is neither.
std::optional<std::chrono::seconds> parse_retry_after(const std::string& value,
                                                      const std::string& date);

}  // namespace patchbay::fetch
