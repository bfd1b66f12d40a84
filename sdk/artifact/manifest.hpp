#pragma once

#include <map>
#include <string>

#include "sdk/artifact/request.hpp"

namespace patchbay::artifact_tool {

/// Reads a manifest: an artifact with any number of payloads, in YAML. `from_options` is what the
/// command line says; it wins over what the manifest says. Paths in the manifest are relative to
/// its directory. Errors name file, line and key.
Result<ArtifactRequest> read_manifest(const std::string& path, const Generators& generators,
                                      ArtifactRequest from_options);

/// JSON Schema (draft 2020-12) of a manifest, with the options of these types of payload.
std::string manifest_schema(const std::map<std::string, Generator>& generators);

}  // namespace patchbay::artifact_tool
