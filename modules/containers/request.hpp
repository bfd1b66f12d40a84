#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "modules/containers/run_options.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// How long and how well new containers have to run before they count.
struct HealthWindow {
  std::chrono::seconds length{10};  ///< all run, and none is unhealthy, for so long
  std::chrono::seconds limit{120};  ///< until the window may begin at the latest
};

/// One container that the artifact wants.
struct Wanted {
  std::string image;   ///< name of a payload file, name in an archive, or name@sha256:...
  std::string name{};  ///< as the device will call it
  std::string run_args{};
  std::vector<std::string> command{};
  RunOptions options{};
};

/// The meta-data of an artifact of type docker or podman.
struct Request {
  std::string project;
  std::vector<Wanted> containers;
  HealthWindow health;
  bool allow_tags = false;  ///< images may come from a registry by a name that can change
};

/// From meta-data as JSON text. `files` are the names of the payload's files, of which each becomes
/// a container when the meta-data lists none; nothing: not known yet, and then `containers` may
/// stay empty. Errors name the key; keys that are not known are refused, since what they ask for
/// would not happen.
module::Result<Request> parse_request(const std::string& meta_data,
                                      const std::optional<std::vector<std::string>>& files);

/// "health": {"seconds": 10, "limit": 120}; `object` is JSON text of the whole meta-data.
module::Result<HealthWindow> parse_health(const std::string& meta_data);

/// Whether `text` is a name that engines take for a project: letters, digits, _, - and ., not
/// beginning with the last three, at most 60.
bool is_name(const std::string& text);

/// Whether the image is named by its digest.
bool is_by_digest(const std::string& image);

}  // namespace patchbay::containers
