#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What an artifact says about itself, after all of it has been checked.
/// Source of the format: docs/artifact-format.md.
namespace patchbay::artifact {

/// A state script carried in the header ("ArtifactInstall_Enter_00_text").
struct Script {
  std::string name;
  std::string content;
};

/// headers/NNNN of one payload.
struct PayloadHeader {
  std::optional<std::string> type;              ///< none: empty payload, no module is run
  std::map<std::string, std::string> provides;  ///< type-info artifact_provides
  std::map<std::string, std::vector<std::string>>
      depends;  ///< type-info artifact_depends; any of the values
  std::optional<std::vector<std::string>>
      clears;             ///< clears_artifact_provides; none: absent, clears all
  std::string type_info;  ///< JSON text, the bytes of the artifact
  std::string meta_data;  ///< JSON text, the bytes of the artifact; empty: none
};

/// header-info, scripts and the sub-headers.
struct Header {
  std::string name;                           ///< artifact_provides.artifact_name
  std::optional<std::string> group;           ///< artifact_provides.artifact_group
  std::vector<std::string> compatible_types;  ///< artifact_depends.device_type, at least one
  std::vector<std::string> depends_names;     ///< artifact_depends.artifact_name
  std::vector<std::string> depends_groups;    ///< artifact_depends.artifact_group
  std::vector<PayloadHeader> payloads;        ///< at least one
  std::optional<PayloadHeader> augment;       ///< what the unsigned part adds to the only payload
  std::vector<Script> scripts;                ///< in the order of the archive
  std::string header_info;                    ///< JSON text, the bytes of the artifact
};

enum class SignatureState : std::uint8_t {
  none,       ///< unsigned, and no key was configured
  unchecked,  ///< signed, but no key was configured
  verified,   ///< a configured key verified it
};

/// One payload file as it comes up in the stream.
struct PayloadFile {
  std::size_t payload = 0;  ///< index of the payload
  std::string name;         ///< base name, [A-Za-z0-9_.,-]+, not "." or ".."
  std::uint64_t size = 0;   ///< bytes, uncompressed
  std::string sha256;       ///< lower-case hex, from the manifest
  unsigned mode = 0;        ///< permission bits the writer gave it; no module has to obey them
  std::int64_t mtime = 0;   ///< when it was changed before it was packed, seconds since 1970
  bool augmented = false;   ///< listed in the unsigned manifest only
};

}  // namespace patchbay::artifact
