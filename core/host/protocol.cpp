#include "core/host/protocol.hpp"

#include <array>

namespace patchbay::host {
namespace {

constexpr std::array<std::string_view, 16> kCallNames{
    "ProvidePayloadFileSizes",
    "NeedsArtifactReboot",
    "SupportsRollback",
    "Describe",
    "Plan",
    "Download",
    "DownloadWithFileSizes",
    "ArtifactInstall",
    "ArtifactReboot",
    "ArtifactVerifyReboot",
    "ArtifactCommit",
    "ArtifactRollback",
    "ArtifactRollbackReboot",
    "ArtifactVerifyRollbackReboot",
    "ArtifactFailure",
    "Cleanup",
};
static_assert(kCallNames.size() == static_cast<std::size_t>(Call::cleanup) + 1);

constexpr std::array<std::string_view, 3> kRebootNames{"No", "Yes", "Automatic"};
static_assert(kRebootNames.size() == static_cast<std::size_t>(Reboot::automatic) + 1);

}  // namespace

std::string_view to_string(Call call) {
  return kCallNames[static_cast<std::size_t>(call)];
}

std::string_view to_string(Reboot reboot) {
  return kRebootNames[static_cast<std::size_t>(reboot)];
}

}  // namespace patchbay::host
