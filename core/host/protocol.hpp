#pragma once

#include <cstdint>
#include <string_view>

/// Names of the update-module protocol, version 3, exactly as on the wire
/// (docs/module-protocol.md).
namespace patchbay::host {

/// argv[1] of a module.
enum class Call : std::uint8_t {
  // questions: no side effects, the answer is standard output
  provide_payload_file_sizes,
  needs_artifact_reboot,
  supports_rollback,
  describe,  ///< ours: what the module is and needs, JSON
  plan,      ///< ours: what installing would do, text; the work tree has the header
  // states
  download,
  download_with_file_sizes,
  artifact_install,
  artifact_reboot,
  artifact_verify_reboot,
  artifact_commit,
  artifact_rollback,
  artifact_rollback_reboot,
  artifact_verify_rollback_reboot,
  artifact_failure,
  cleanup,
};

/// "ProvidePayloadFileSizes", "ArtifactInstall", ...
std::string_view to_string(Call call);

/// Answer to NeedsArtifactReboot.
enum class Reboot : std::uint8_t {
  no,         ///< "No" or empty
  custom,     ///< "Yes": the module reboots, call ArtifactReboot
  automatic,  ///< "Automatic": the client reboots the machine, once for all payloads
};
std::string_view to_string(Reboot reboot);

}  // namespace patchbay::host
