#pragma once

#include <map>
#include <string>

#include "core/artifact/limits.hpp"
#include "core/artifact/sha256.hpp"

namespace patchbay::artifact {

/// The checksums an artifact promises.
struct Manifest {
  Digest version{};
  std::string header_name;  ///< "header.tar.gz": with its suffix
  Digest header{};
  /// Payload index -> file name -> checksum; payloads without files are absent.
  std::map<std::size_t, std::map<std::string, Digest, std::less<>>> files;
};

/// Parses the text of the entry `manifest`: one "<64 hex digits>  <path>" a line. Refuses unknown
/// and repeated paths, and a manifest that lists no version or no header: what is not listed would
/// not be protected by the signature.
Result<Manifest> parse_manifest(std::string_view text, const Limits& limits);

/// The same for `manifest-augment`, which is never signed: payload files and the augmented header,
/// no version.
Result<Manifest> parse_manifest_augment(std::string_view text, const Limits& limits);

}  // namespace patchbay::artifact
