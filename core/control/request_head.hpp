#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

/// Internal to core/control.
namespace patchbay::control {

/// Where requests go.
struct Destination {
  std::string origin;  ///< "https://server:8443"
  std::string host;    ///< "server:8443"
  std::string prefix;  ///< "/path", "" when there is none

  /// Of "https://server:8443/path"; nothing if it is not of that kind. A user and a password before
  /// the server's name are left out: who speaks has a token.
  static std::optional<Destination> of(const std::string& server_url);
};

/// What the head of a request, HTTP/1.0 or 1.1, says.
struct RequestHead {
  struct Field {
    std::string name;
    std::string value;
  };

  std::string method;
  std::string target;   ///< "/path?query"
  std::string version;  ///< "HTTP/1.1"
  std::vector<Field> fields;

  /// Whether a WebSocket connection is to be made of it.
  [[nodiscard]] bool wants_websocket() const;
};

/// `text` up to and with the empty line. Error: invalid_input; its message shows nothing of what is
/// in the head.
Result<RequestHead> parse_request_head(std::string_view text);

/// The same request as the server is to see it: below the destination's path and with its Host, as
/// the only one of its connection, and without what was between the program and us.
std::string passed_on(const RequestHead& head, const Destination& destination);

}  // namespace patchbay::control
