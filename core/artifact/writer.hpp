#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/artifact.hpp"
#include "core/artifact/signer.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

enum class Compression : std::uint8_t { none, gzip, xz, zstd };

/// One payload to write. Files are read from disk in the order given.
struct PayloadSpec {
  std::optional<std::string> type;  ///< none: empty payload
  struct File {
    std::string name;  ///< base name in the artifact
    std::string path;  ///< where its bytes are
  };
  std::vector<File> files;
  std::map<std::string, std::string> provides;
  std::map<std::string, std::vector<std::string>> depends;
  std::optional<std::vector<std::string>> clears;
  std::string meta_data;  ///< JSON object text; empty: none
};

/// An artifact to write: format version 3, any number of payloads.
struct ArtifactSpec {
  std::string name;
  std::optional<std::string> group;
  std::vector<std::string> compatible_types;
  std::vector<std::string> depends_names;
  std::vector<std::string> depends_groups;
  std::vector<PayloadSpec> payloads;
  std::vector<Script> scripts;
  Compression compression = Compression::gzip;
  std::vector<SigningKey> signing_keys;  ///< each makes one signature line; empty: unsigned
};

/// Writes the artifact to `path`, atomically: a temporary file beside it, renamed at the end. The
/// output is reproducible: same input, same bytes (but for ECDSA signatures). What it writes,
/// Reader accepts; with one payload and one key, mender-artifact and the Mender client do too.
Status write_artifact(const ArtifactSpec& spec, const std::string& path);

}  // namespace patchbay::artifact
