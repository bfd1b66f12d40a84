#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/fetch/source.hpp"

/// Requests to a server's API, beside the downloads of source.hpp.
namespace patchbay::fetch {

/// One exchange with a server whose answer is small.
struct Call {
  std::string method;                ///< "GET", "PUT", "POST", "PATCH", "DELETE"
  std::string url;                   ///< http or https, absolute
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;                  ///< sent with its length; empty: none
};

inline constexpr std::size_t kMaxAnswer = kMiB;

struct Answer {
  int status = 0;
  std::string reason;  ///< "Not Found"; may be empty
  std::string body;    ///< of a status that is no success: the first kMaxAnswer bytes
  /// From Retry-After, seconds or a date; never longer than a day.
  std::optional<std::chrono::seconds> retry_after;

  [[nodiscard]] bool success() const { return status >= 200 && status < 300; }
  /// "404 Not Found".
  [[nodiscard]] std::string status_line() const;
};

/// Asks the server and waits for its answer, over a connection of its own, with certificates,
/// proxies and the bounds of each wait as in downloads. Blocks; any thread. Redirects are not
/// followed: the 3xx is the answer, as is any other status. With skip_verify the caller is the one
/// to warn.
///
/// Errors: invalid_input (a malformed URL or header, a certificate file that cannot be used),
/// denied (the server's certificate), timeout, unsupported (no libcurl, not HTTP), io (no
/// connection, or one that broke, or a success of more than kMaxAnswer bytes), cancelled (by
/// `stop`, at once). They name the method and the URL, but never its query, what is in a header, or
/// in the body.
Result<Answer> call(const Call& call, const TransferOptions& options,
                    const std::stop_token& stop = {});

}  // namespace patchbay::fetch
