#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

/// The tree in the payload: a tar archive, plain or compressed with gzip, bzip2, xz or zstd.
namespace patchbay::directory {

/// What unpacking will need.
struct Contents {
  std::uint64_t bytes = 0;    ///< of all files together
  std::uint64_t entries = 0;  ///< files, directories, links, ...
};

/// Reads the whole archive and unpacks nothing. Errors: not an archive, broken, or a name that does
/// not belong into it: absolute, with "..", or nested too deeply.
module::Result<Contents> scan(const std::string& archive);

/// Unpacks into the existing directory `into`, with mode, times, ACLs and extended attributes as
/// the archive has them, and owner and group too for root (names before numbers, as tar does).
/// Symbolic links are created, but never followed on the way to another entry. What the file
/// system cannot hold (an ACL, a label) is logged and left out; everything else is an error.
///
/// Changes the working directory while it works. Nothing is synced.
module::Status unpack(const std::string& archive, const std::string& into,
                      module::Context& context);

}  // namespace patchbay::directory
