#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/artifact/contents.hpp"
#include "core/artifact/writer.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Content for a payload file.
struct NewFile {
  std::string path;        ///< where the bytes are
  unsigned mode = 0644;    ///< in the artifact
  std::int64_t mtime = 0;  ///< in the artifact, seconds since 1970
};

enum class Signatures : std::uint8_t {
  keep,     ///< those there are stay; `conflict` when the change would make them worthless
  add,      ///< the same, and the keys add theirs
  replace,  ///< the keys' signatures alone
  drop,     ///< none
};

/// What is to be different about an artifact. What is not named stays as it is, byte for byte: a
/// payload whose files do not change is not even decompressed.
struct Change {
  /// Names, provides, scripts and so on, as spec_of() gives them, changed. Its files, compression
  /// and keys mean nothing here. The payloads are those of the artifact, in their order.
  std::optional<ArtifactSpec> header;
  /// Payload index -> file name -> new content, or nothing: the file goes. Files that are new to
  /// the payload stand behind the others.
  std::map<std::size_t, std::map<std::string, std::optional<NewFile>>> files;
  std::optional<CompressionSettings> compression;  ///< of everything; nothing: each keeps its own
  Signatures signatures = Signatures::keep;
  std::vector<SigningKey> keys;
};

/// What `header` says, as the spec of an artifact without files.
ArtifactSpec spec_of(const Header& header);

/// Writes the artifact at `from`, changed, to `to` (which may be the same path), atomically. What
/// it writes, Reader accepts. `contents` is what read_contents() found in `from`.
///
/// Errors: conflict (see Signatures), invalid_input (the change is not allowed by the format, or
/// `from` is another file by now), io.
Status rewrite_artifact(const std::string& from, const Contents& contents, const Change& change,
                        const std::string& to);

}  // namespace patchbay::artifact
