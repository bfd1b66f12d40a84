#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "patchbay/module.hpp"

namespace patchbay::single_file {

/// What the payload asks for, checked, and where that really is on this device.
struct Request {
  std::string directory;       ///< normalised
  std::string target;          ///< the file to replace, symbolic links followed
  std::optional<mode_t> mode;  ///< nothing in artifacts older than the `permissions` file
  module::PayloadFile content;
};

/// Reads `dest_dir`, `filename` and `permissions` from the stored payload files. Touches nothing.
///
/// Errors: a value that is missing or malformed, a target that is not a regular file, a symbolic
/// link that leads nowhere. A link to a regular file is followed, and the file behind it is the
/// target: whoever put the link there wanted the content elsewhere.
module::Result<Request> read_request(const module::Context& context);

}  // namespace patchbay::single_file
