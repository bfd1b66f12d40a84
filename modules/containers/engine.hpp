#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modules/containers/http_client.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// An engine finishes what it was asked for by a client that has died since. How long to wait for
/// that before believing that it will not.
constexpr std::chrono::seconds kLate{5};

/// A container as the engine describes it.
struct Container {
  std::string id;
  std::string name;
  std::string image_id;  ///< "sha256:..."
  std::map<std::string, std::string> labels{};
  bool running = false;
  bool stopping = false;  ///< has been told to end; Podman does not call it running any more
  bool restarting = false;
  int restarts = 0;
  int exit_code = 0;
  std::string started_at{};
  std::string health{};          ///< empty without a health check; starting, healthy, unhealthy
  std::string restart_policy{};  ///< JSON, as the engine takes it back
  bool removes_itself = false;
};

struct Image {
  std::string id;  ///< "sha256:..." of its configuration
  std::vector<std::string> tags{};
  std::uint64_t size = 0;
};

/// A container engine that speaks Docker's HTTP interface, version 1.41: Docker itself or Podman.
/// Every call blocks; "not there" is an error only where it says so.
class Engine {
 public:
  enum class Kind : std::uint8_t { docker, podman };

  Engine(Kind kind, std::string socket) : kind_{kind}, socket_{std::move(socket)} {}

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const std::string& socket() const { return socket_; }

  [[nodiscard]] module::Status ping() const;
  /// Directory in which it keeps images and containers.
  [[nodiscard]] module::Result<std::string> storage() const;

  /// Running or not, those with the label `label` (key=value). Of each all but health is known.
  [[nodiscard]] module::Result<std::vector<Container>> containers(const std::string& label) const;
  [[nodiscard]] module::Result<std::optional<Container>> container(const std::string& id) const;
  /// What the engine answers to `target`, a path with version and query that lists containers:
  /// JSON, without the containers `hidden`.
  [[nodiscard]] module::Result<std::string> list_without(const std::string& target,
                                                         const std::set<std::string>& hidden) const;
  /// The last of what its processes have printed, at most `count` lines; none where the engine does
  /// not keep that.
  [[nodiscard]] std::vector<std::string> last_lines(const std::string& id, int count) const;
  /// Asks for the result of the health check; Podman runs it for that.
  [[nodiscard]] module::Result<std::string> health(const Container& container) const;
  /// `body`: JSON of the engine's own interface. Returns the id.
  [[nodiscard]] module::Result<std::string> create(const std::string& name,
                                                   const std::string& body) const;
  [[nodiscard]] module::Status start(const std::string& id) const;
  [[nodiscard]] module::Status stop(const std::string& id) const;
  [[nodiscard]] module::Status rename(const std::string& id, const std::string& name) const;
  /// Stops it by force, if it runs. Named volumes stay. Not there is success.
  [[nodiscard]] module::Status remove(const std::string& id) const;
  /// `policy`: JSON, see Container. Nothing happens where the engine cannot (Podman).
  [[nodiscard]] module::Status set_restart_policy(const std::string& id,
                                                  const std::string& policy) const;

  struct Network {
    std::string id;
    std::string name;
  };
  [[nodiscard]] module::Result<std::vector<Network>> networks(const std::string& label) const;
  [[nodiscard]] module::Status remove_network(const std::string& id) const;

  [[nodiscard]] module::Result<std::optional<Image>> image(const std::string& reference) const;
  [[nodiscard]] module::Status load(const Upload& archive) const;
  [[nodiscard]] module::Status pull(const std::string& reference) const;
  /// Has the engine put the image together and read every byte of it, which it holds against its
  /// own sums: an error if a layer is broken.
  [[nodiscard]] module::Status read_back(const std::string& image_id) const;
  /// The archive of an image, as `docker save` makes it, into the new file `path`.
  [[nodiscard]] module::Status save(const std::string& reference, const std::string& path) const;
  [[nodiscard]] module::Status tag(const std::string& image_id, const std::string& name) const;
  /// False if it is still wanted by somebody: a container, or a second name.
  [[nodiscard]] module::Result<bool> remove_image(const std::string& reference) const;
  [[nodiscard]] module::Result<bool> image_in_use(const std::string& image_id) const;

 private:
  [[nodiscard]] module::Result<HttpResponse> call(HttpRequest request) const;
  [[nodiscard]] module::Status act(HttpRequest request, long also_fine = 0) const;

  Kind kind_;
  std::string socket_;
};

/// The name for people.
const char* to_string(Engine::Kind kind);

}  // namespace patchbay::containers
