#pragma once

#include "sdk/artifact/call.hpp"

namespace patchbay::artifact_tool {

/// `write` with the command line of mender-artifact: rootfs-image, module-image,
/// bootstrap-artifact.
int write_as_mender(const Call& call);

}  // namespace patchbay::artifact_tool
