#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifact/compress.hpp"
#include "core/artifact/contents.hpp"
#include "sdk/artifact/age.hpp"
#include "sdk/artifact/temporary.hpp"

namespace patchbay::artifact_tool {

/// Behind the type of a payload whose files are encrypted.
inline constexpr std::string_view kEncryptedSuffix = ".encrypted";
bool is_encrypted(const artifact::PayloadHeader& payload);

enum class Direction : std::uint8_t { encrypt, decrypt };

/// Which payload goes through, and what is done beside encrypting it.
struct PassageOf {
  bool chosen = false;
  bool compressed = false;  ///< with zstd, on the plain side of age
};

struct PassageSettings {
  Direction direction{};
  std::vector<std::string> keys{};              ///< for age: option, value, option, value
  artifact::CompressionSettings compression{};  ///< for encrypting, zstd
  std::vector<PassageOf> payloads{};            ///< all that the artifact has
};

/// The files of the chosen payloads, on their way through age into temporary files, which live as
/// long as this object.
class Passage {
 public:
  Passage(PassageSettings settings, TemporaryDirectory temporary)
      : settings_{std::move(settings)}, temporary_{std::move(temporary)} {}

  /// Reads the artifact at `path`.
  Result<artifact::Contents> read(const std::string& path);

  [[nodiscard]] bool chosen(std::size_t payload) const {
    return settings_.payloads[payload].chosen;
  }
  [[nodiscard]] bool compressed(std::size_t payload) const {
    return settings_.payloads[payload].compressed;
  }
  /// Where a file of a chosen payload is, once everything is read.
  [[nodiscard]] std::string path_of(const artifact::PayloadFile& file) const;

 private:
  Result<std::unique_ptr<artifact::ByteSink>> begin(const artifact::PayloadFile& file);
  Status finish_last();

  PassageSettings settings_;
  TemporaryDirectory temporary_;
  // Of the file on its way.
  std::unique_ptr<Age> age_;
  std::unique_ptr<artifact::Compressor> compressor_;  ///< writes to age_
  artifact::PayloadFile file_;
};

}  // namespace patchbay::artifact_tool
