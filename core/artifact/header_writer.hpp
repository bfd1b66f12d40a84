#pragma once

#include <string>

#include "core/artifact/writer.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Refuses what a reader would refuse: names, keys and scripts outside the rules of
/// docs/artifact-format.md, duplicates, an empty payload that is not empty or not alone.
Status check_spec(const ArtifactSpec& spec);

/// The bytes of header.tar, not compressed. `spec` has passed check_spec().
Result<std::string> header_tar_text(const ArtifactSpec& spec);

/// The same for header-augment.tar, of a spec whose only payload has an augment.
Result<std::string> header_augment_tar_text(const ArtifactSpec& spec);

/// The bytes of the entry "version", for format version 3.
inline constexpr std::string_view kVersionText = R"({"format":"mender","version":3})";

}  // namespace patchbay::artifact
