#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::deb {

/// A file that a package brings.
struct Listed {
  std::string path;
  std::uint64_t size = 0;
};

/// What is in the .deb at `deb`, directories before what is in them. Of many thousand files only
/// the first ones. Errors: it cannot be read to its end.
module::Result<std::vector<Listed>> files_in(const std::string& deb);

/// Checks that each file system takes what of `files` goes there, and can be written. The error
/// names the place.
module::Status require_room_for(const std::vector<Listed>& files);

}  // namespace patchbay::deb
