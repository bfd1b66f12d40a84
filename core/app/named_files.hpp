#pragma once

#include <string>
#include <vector>

#include "core/app/config/config.hpp"
#include "core/artifact/signature.hpp"

/// Files that the configuration names.
namespace patchbay::app {

/// The keys of ArtifactVerifyKey or ArtifactVerifyKeys, of Patchbay.PluginVerifyKeys; a key that
/// cannot be read or is none is an error, which names the key of the configuration and its place.
Result<std::vector<artifact::VerificationKey>> read_artifact_keys(const Config& config);
Result<std::vector<artifact::VerificationKey>> read_plugin_keys(const Config& config);

/// For `config check`: verification keys that cannot be used are an error. Returned are doubts
/// about other files and directories: not there, or found only from some working directories.
Result<std::vector<std::string>> check_named_files(const Config& config);

}  // namespace patchbay::app
