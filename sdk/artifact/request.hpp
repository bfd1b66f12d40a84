#pragma once

#include <map>
#include <string>
#include <vector>

#include "sdk/artifact/generator.hpp"

namespace patchbay::artifact_tool {

/// What an augmented artifact is to add outside of what is signed.
struct AugmentRequest {
  std::string type;  ///< has to be that of the payload
  std::vector<std::string> files;
  std::string meta_data_file;
  std::vector<std::string> provides, depends;  ///< KEY:VALUE

  [[nodiscard]] bool any() const {
    return !type.empty() || !files.empty() || !meta_data_file.empty() || !provides.empty() ||
           !depends.empty();
  }
};

/// What is asked for of one payload, on the command line or in a manifest.
struct PayloadRequest {
  Generator generator;
  Values values;       ///< of the generator's options
  bool empty = false;  ///< without type and files; the generator does not count
  std::string meta_data_file;

  std::vector<std::string> provides;  ///< KEY:VALUE
  std::vector<std::string> depends;   ///< KEY:VALUE
  std::vector<std::string> clears;
  bool clears_given = false;  ///< also when the list is empty
  bool no_default_clears = false;

  std::string software_name, software_version, software_filesystem;
  bool no_default_software_version = false;
  /// Keys whose explicit provide stands after the --software options and so wins over them.
  bool explicit_provides_win = true;

  AugmentRequest augment;

  bool no_checksum = false;
  bool legacy_checksum = false;
};

/// What is asked for of an artifact.
struct ArtifactRequest {
  std::string name;
  std::string group;
  std::vector<std::string> compatible_types;
  std::vector<std::string> depends_names;
  std::vector<std::string> depends_groups;
  std::vector<std::string> scripts;  ///< files, or directories of them
  std::string compression;           ///< "gzip", "xz:9", ...; empty: the payload's choice, or gzip
  std::vector<PayloadRequest> payloads;
  artifact::Habits habits = artifact::Habits::own;
};

/// Everything but the keys to sign with. Errors name the option and the value.
Result<artifact::ArtifactSpec> build(const ArtifactRequest& request);

/// "none", "gzip", "gzip:9", "lzma", "xz:3", "zstd", "zstd_best", ...
Result<artifact::CompressionSettings> parse_compression(const std::string& text);

}  // namespace patchbay::artifact_tool
