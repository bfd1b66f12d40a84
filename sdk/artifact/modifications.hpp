#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/artifact/rewriter.hpp"
#include "sdk/artifact/call.hpp"
#include "sdk/artifact/image.hpp"

namespace patchbay::artifact_tool {

/// What `modify` may change about the header. Absent and empty: stays.
struct HeaderModifications {
  std::optional<std::string> name, group;
  std::vector<std::string> compatible_types, depends_names, depends_groups;
  std::vector<std::string> scripts, deleted_scripts;  ///< files or directories; names
  std::vector<std::string> provides, depends;         ///< KEY:VALUE
  std::vector<std::string> deleted_provides, deleted_depends;
  std::vector<std::string> clears, deleted_clears;
  std::string meta_data;  ///< a file
  std::optional<std::size_t> payload;

  [[nodiscard]] bool any() const;
  [[nodiscard]] bool any_of_payload() const;
};

/// Applies them. Under the name mender-artifact, provides and depends that are given replace all
/// there were; under ours they are added to them. Errors name the option and the value.
Status apply(const HeaderModifications& modifications, Face face, artifact::ArtifactSpec& spec);

/// What `modify` may change in the file system of a root image.
struct ImageModifications {
  std::string server_uri, tenant_token;
  std::string server_cert, verification_key;  ///< files

  [[nodiscard]] bool any() const {
    return !(server_uri + tenant_token + server_cert + verification_key).empty();
  }
};

/// Applies them, and the new artifact name where the image has a place for it. `scratch` is a path
/// for a file on its way. Returns whether the image was changed.
Result<bool> apply(const ImageModifications& modifications, const std::optional<std::string>& name,
                   Image& image, const std::string& scratch);

}  // namespace patchbay::artifact_tool
