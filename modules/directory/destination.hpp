#pragma once

#include <cstdint>
#include <string>

#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::directory {

/// The directory to replace, as it is on this device.
struct Destination {
  enum class Kind : std::uint8_t {
    absent,    ///< nothing is there yet
    ordinary,  ///< a directory that can be replaced as a whole
    fixed,     ///< a mount point or subvolume: only its content can be replaced
  };
  Kind kind = Kind::absent;
  std::string path;    ///< symbolic links resolved
  std::string parent;  ///< may be absent itself
};

/// Reads `dest_dir` of the stored payload and looks at what is there. Touches nothing.
///
/// Refused: a path that is relative, has "..", or leads to the root directory; something that is
/// not a directory; a link that leads nowhere; a directory with mount points below it; one that
/// holds the work tree of this update, or lies in it.
module::Result<Destination> find_destination(const module::Context& context);

}  // namespace patchbay::directory
