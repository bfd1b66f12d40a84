#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::containers {

/// /etc/patchbay/containers.json; all of it optional.
struct Settings {
  std::string docker_socket = "/var/run/docker.sock";
  std::string podman_socket = "/run/podman/podman.sock";
  /// Podman's program with its own options, for a service of it where no socket is there.
  std::vector<std::string> podman{"podman"};
  /// Compose with its own options; empty: the first that is found.
  std::vector<std::string> compose{};
  /// What makes a file of an old one and a delta, with its options. Where there is no such value:
  /// what `mender-app-docker-compose.conf` in `mender_configuration` says.
  std::vector<std::string> xdelta{"xdelta3", "-d", "-s"};
  std::string mender_configuration = "/etc/mender";
  /// Where compositions are kept.
  std::string store = "/var/lib/patchbay/containers";
  /// How long a rollback waits for an engine that is starting.
  std::chrono::seconds engine_wait{60};
};

/// Another file can be named by the environment variable PATCHBAY_CONTAINERS_CONFIG. A missing file
/// is no error; errors name the key.
module::Result<Settings> read_settings();

}  // namespace patchbay::containers
