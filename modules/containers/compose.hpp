#pragma once

#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/gateway.hpp"
#include "modules/containers/settings.hpp"
#include "patchbay/result.hpp"
#include "patchbay/run.hpp"

namespace patchbay::containers {

/// The program that knows what a composition means: `docker compose`, `docker-compose` or
/// `podman-compose`, whichever is there first.
class Compose {
 public:
  /// Error: none is installed, with the names that were looked for.
  static module::Result<Compose> find(const Settings& settings);

  /// The engine it works with.
  [[nodiscard]] Engine::Kind kind() const { return kind_; }
  /// Has it talk to the engine at this socket. (In the environment of this process.)
  void use(const std::string& socket) const;

  /// Whether the composition in `directory` makes sense, and the names of its images, with
  /// variables filled in.
  [[nodiscard]] module::Result<std::vector<std::string>> images(const std::string& project,
                                                                const std::string& directory) const;
  /// Containers as `directory` says; others of the project go. Never builds. What it asks the
  /// engine for, through a socket of ours called `socket`, `judge` decides about; a program that
  /// does not use the engine's socket asks nobody.
  [[nodiscard]] module::Status up(const std::string& project, const std::string& directory,
                                  const Engine& engine, const std::string& socket,
                                  const Judge& judge) const;

 private:
  Compose(std::vector<std::string> command, Engine::Kind kind)
      : command_{std::move(command)}, kind_{kind} {}
  [[nodiscard]] module::Program program(const std::string& project, const std::string& directory,
                                        const std::vector<std::string>& words) const;
  [[nodiscard]] module::Status up_with_podman(const std::string& project,
                                              const std::string& directory) const;
  [[nodiscard]] module::Status failure(const std::string& project, const std::string& what) const;

  std::vector<std::string> command_;  ///< absolute path and options
  Engine::Kind kind_;
};

/// Label that every program of this kind gives to its containers.
constexpr const char* kComposeLabel = "com.docker.compose.project";

}  // namespace patchbay::containers
