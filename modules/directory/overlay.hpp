#pragma once

#include <string>
#include <vector>

#include "patchbay/changes.hpp"
#include "patchbay/context.hpp"

/// The payload type `dir-overlay`: a tree that is laid over a directory, file by file. What the
/// overlay before brought and this one does not have goes; everything else in the directory stays.
namespace patchbay::directory {

/// Where an overlay goes, and what of it is there.
struct Overlay {
  std::string target;             ///< the directory, symbolic links resolved; may be "/"
  std::string list;               ///< file that remembers what this overlay has brought
  std::vector<std::string> past;  ///< what the one before has brought, relative to the directory
};

/// Errors: a bad `dest_dir`, or a list of the past with a path that leads out of the directory.
module::Result<Overlay> find_overlay(const module::Context& context);

/// Moves the unpacked tree `staged` over the directory. `old` is an empty directory of ours on the
/// same file system; whatever is replaced or removed is moved there.
///
/// Directories that are on both sides stay as they are on the device. Refused: a directory in the
/// place of something else, or the other way round; a symbolic link of the device where the tree
/// has a directory; another file system below.
module::Status lay_over(module::Context& context, module::Changes& changes, const Overlay& overlay,
                        const std::string& staged, const std::string& old);

}  // namespace patchbay::directory
