#pragma once

#include <string>
#include <utility>

#include "modules/containers/engine.hpp"
#include "modules/containers/settings.hpp"
#include "patchbay/child.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// A `podman system service` of our own, which ends with this object, and with this process.
class PodmanService {
 public:
  static module::Result<PodmanService> start(const Settings& settings);
  PodmanService(PodmanService&&) noexcept = default;
  PodmanService& operator=(PodmanService&&) = delete;
  PodmanService(const PodmanService&) = delete;
  PodmanService& operator=(const PodmanService&) = delete;
  ~PodmanService();

  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  PodmanService(module::Child child, std::string socket)
      : child_{std::move(child)}, socket_{std::move(socket)} {}
  module::Child child_;
  std::string socket_;
};

/// An engine that has answered.
class Connection {
 public:
  /// Error: none answers, with what to do about that.
  static module::Result<Connection> open(Engine::Kind kind, const Settings& settings);
  /// The same, but gives an engine that is starting its time.
  static module::Result<Connection> wait(Engine::Kind kind, const Settings& settings);

  [[nodiscard]] const Engine& engine() const { return engine_; }

 private:
  Connection(Engine engine, std::optional<PodmanService> service)
      : service_{std::move(service)}, engine_{std::move(engine)} {}
  std::optional<PodmanService> service_;
  Engine engine_;
};

}  // namespace patchbay::containers
