#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "patchbay/result.hpp"

/// HTTP over a socket in the file system, as Docker and Podman speak it.
namespace patchbay::containers {

/// Fills the buffer with what comes next; 0 at the end.
using Upload = std::function<module::Result<std::size_t>(char* buffer, std::size_t size)>;
/// Takes what has come.
using Download = std::function<module::Status(std::string_view piece)>;

struct HttpRequest {
  std::string method;
  std::string path;     ///< with query
  std::string body{};   ///< JSON; empty for none
  Upload upload{};      ///< instead of `body`: a tar archive of any size
  Download download{};  ///< gets all of the answer, also one that tells of a failure
  /// Nothing: as long as it takes; the client's own limit on the call still holds.
  std::optional<std::chrono::seconds> limit{std::chrono::seconds{120}};
};

struct HttpResponse {
  long status = 0;
  std::string body;  ///< at most its first kBodyLimit bytes; the rest is read and dropped
  bool cut = false;  ///< whether something was dropped
};

constexpr std::size_t kBodyLimit = 4U * 1024 * 1024;

/// One request on a connection of its own. An answer with any status is no error here; errors:
/// nobody answers at `socket`, the connection broke, or the time ran out.
module::Result<HttpResponse> send(const std::string& socket, const HttpRequest& request);

/// `text` as part of a path or a query.
std::string escape(const std::string& text);

}  // namespace patchbay::containers
