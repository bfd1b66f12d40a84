#pragma once

#include <string>

#include "core/host/plugin_wire.hpp"
#include "patchbay/module.h"

/// The process that runs a plugin: `patchbay module-host`, started by the client for each payload.
namespace patchbay::host {

/// argv[1] under which a program becomes the module host.
inline constexpr const char* kModuleHostCommand = "module-host";
/// What the module host finds open.
inline constexpr int kHostSocket = 3;
inline constexpr int kHostPlugin = 4;

/// The whole program. `argv`: program, "module-host", payload type, path of the plugin (for
/// messages), work tree. Returns the exit status. Started by hand it says that it is not meant for
/// that.
int run_module_host(int argc, const char* const* argv);

/// Whom a plugin is served for.
struct HostedPayload {
  std::string type;
  std::string tree;  ///< empty: none
};

/// Creates an instance of the loaded plugin and serves its calls until the client ends the
/// conversation. `exported` may be of another interface version and thus shorter or longer than
/// pb_plugin_t. Returns the exit status.
int serve_plugin(const pb_plugin_t& exported, const HostedPayload& payload, FrameSocket& socket);

}  // namespace patchbay::host
