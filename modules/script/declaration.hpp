#pragma once

#include <string>

#include "patchbay/result.hpp"

namespace patchbay::script {

/// What the artifact's meta-data says about its scripts; all of it optional.
///
///     {"reboot": "automatic", "rollback": "undo.sh"}
struct Declaration {
  bool reboot = false;   ///< "reboot": "automatic" (default "no")
  std::string rollback;  ///< "rollback": name of the payload file that undoes the others; or empty
};

/// From meta-data as JSON text. Keys that are not ours are left alone, since artifacts made before
/// there were any may hold anything. Errors: not JSON, or one of our keys with a value it cannot
/// have.
module::Result<Declaration> parse_declaration(const std::string& meta_data);

}  // namespace patchbay::script
