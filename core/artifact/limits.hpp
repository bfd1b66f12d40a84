#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.hpp"

/// Every limit of the reader, in one place. The format itself bounds nothing; these keep a hostile
/// artifact from using memory or time. docs/artifact-format.md lists them for writers.
namespace patchbay::artifact {

struct Limits {
  std::size_t version_bytes = 4 * kKiB;
  std::size_t manifest_bytes = 4 * kMiB;
  std::size_t manifest_lines = 20'000;
  std::size_t signature_bytes = 16 * kKiB;
  std::size_t signatures = 16;  ///< lines of manifest.sig, one signature a line
  std::size_t header_stored_bytes = 32 * kMiB;
  std::size_t header_expanded_bytes =
      32 * kMiB;  ///< including zeros after the end-of-archive marker
  std::size_t header_info_bytes = 256 * kKiB;
  std::size_t type_info_bytes = 256 * kKiB;
  std::size_t meta_data_bytes = 8 * kMiB;
  std::size_t scripts = 64;
  std::size_t script_bytes = 8 * kMiB;
  std::size_t payloads = 64;
  std::size_t json_depth = 64;
  std::size_t json_members = 100'000;  ///< keys in one JSON text
  std::size_t pax_bytes = 64 * kKiB;
  std::size_t name_bytes = 255;  ///< any name in any tar
  std::size_t artifact_name_bytes = 256;
  std::size_t payload_type_bytes = 100;
  std::size_t trailing_zero_bytes = 1 * kMiB;  ///< after an end-of-archive marker
  std::uint64_t xz_memory_bytes = 128 * kMiB;
  std::uint64_t zstd_window_bytes = 128 * kMiB;
};

}  // namespace patchbay::artifact
