#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::fleet {

struct IdentitySettings {
  std::string script;  ///< Mender's /usr/share/mender/identity/mender-device-identity
  std::vector<std::string> environment;            ///< of the script
  std::string network_devices = "/sys/class/net";  ///< one directory an interface
};

/// What the server knows the device by: compact JSON with sorted keys. It comes from the script;
/// without one it is what Mender's own script says, `mac`: the address of the Ethernet interface
/// with the lowest index, those called dummy* left out.
///
/// It must not change in a device's life: for the server, another identity is another device.
/// Errors: a script that fails or says nothing; no script and no Ethernet interface.
Result<std::string> read_identity(const IdentitySettings& settings);

}  // namespace patchbay::fleet
