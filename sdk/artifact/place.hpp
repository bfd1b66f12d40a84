#pragma once

#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "sdk/artifact/call.hpp"

namespace patchbay::artifact_tool {

/// A file inside an artifact or an image, as the command line names it:
///
///   ARTIFACT:/PATH              a path in the file system that is the artifact's only payload file
///   ARTIFACT:[NNNN/]FILE        a payload file, of payload NNNN
///   ARTIFACT:[NNNN/]FILE:/PATH  a path in the file system that this payload file holds
///   IMAGE:/PATH                 a path in a file that is a file system itself, or a whole disk
struct Place {
  std::string container;               ///< path of the artifact or image
  std::optional<std::size_t> payload;  ///< none: the one that has the file
  std::string file;                    ///< payload file; empty: the only one
  std::string path;                    ///< in the file system; empty: the payload file itself
};

/// Understands `word`; nothing when it names a file of the host: something without a colon, or
/// something that exists under that very name.
Result<std::optional<Place>> parse_place(const std::string& word, Face face);

/// The same place, its path without a slash at the end.
Place without_end_slash(Place place);

/// For commands that take nothing else.
Result<Place> need_place(const std::string& word, Face face);

}  // namespace patchbay::artifact_tool
