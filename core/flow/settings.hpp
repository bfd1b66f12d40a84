#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/flow/scripts.hpp"
#include "core/host/module.hpp"

namespace patchbay::flow {

/// What the flow has to know about the device and its configuration.
struct Settings {
  std::string datastore;         ///< Mender's /var/lib/mender
  std::string device_type;       ///< empty: unknown, every artifact is refused
  std::string device_type_file;  ///< where device_type came from, for messages
  /// Artifact name while the store has recorded none: what the image says about itself.
  std::string image_artifact_name = "unknown";
  std::vector<std::string> module_directories;  ///< first wins
  host::ModuleSettings module;
  ScriptSettings scripts;
  /// Put into the store with the update's first journal entry, and removed with its last: for
  /// whoever has to undo it without a configuration of their own.
  std::string configuration = {};
  std::string boot_id;  ///< differs from boot to boot
  /// Reboots the machine; returns only when that has failed.
  std::function<Status()> reboot_machine;
};

}  // namespace patchbay::flow
