#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// What a program asks an engine for.
struct GatewayRequest {
  std::string method;
  std::string target;             ///< path and query, as they came
  std::vector<std::string> path;  ///< parts of the path, without the version in front
};

/// What becomes of a request.
struct Decision {
  struct Answer {
    unsigned status = 204;
    std::string body{};  ///< JSON
  };
  std::optional<Answer> answer{};         ///< nothing: the engine answers
  std::function<void()> when_answered{};  ///< when the engine has answered to the end
};

/// Decides about each request before any of it gets to the engine.
using Judge = std::function<Decision(const GatewayRequest& request)>;

/// A socket that stands in front of an engine's: whoever is told to use it talks to the engine, and
/// we have a say in it. Each connection takes one request, of which only the head is read; body and
/// answer pass as they are, in whatever form, and so does what follows an upgrade of the protocol.
class Gateway {
 public:
  /// Makes the socket at `path`, for the user of this process only.
  static module::Result<Gateway> open(const std::string& path, std::string engine_socket);
  Gateway(Gateway&&) noexcept = default;
  Gateway& operator=(Gateway&&) = delete;
  ~Gateway();

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Serves until the descriptor `ended` becomes readable.
  void serve(int ended, const Judge& judge) const;

 private:
  Gateway(module::Fd listener, std::string path, std::string engine_socket)
      : listener_{std::move(listener)},
        path_{std::move(path)},
        engine_socket_{std::move(engine_socket)} {}

  module::Fd listener_;
  std::string path_;
  std::string engine_socket_;
};

}  // namespace patchbay::containers
