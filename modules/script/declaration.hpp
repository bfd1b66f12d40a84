#pragma once

#include <string>

#include "patchbay/result.hpp"

namespace patchbay::script {

/// What the artifact's meta-data says about its scripts; all of it optional.
///
///     {"reboot": "automatic", "verify": "check.sh", "commit": "done.sh", "rollback": "undo.sh"}
///
/// The three are names of payload files, or empty.
struct Declaration {
  bool reboot = false;   ///< "reboot": "automatic" (default "no")
  std::string verify;    ///< looks whether the others have done what they should
  std::string commit;    ///< makes it permanent
  std::string rollback;  ///< undoes the others

  /// Whether the payload file has one of these tasks, and is no script of the install.
  [[nodiscard]] bool has_task(const std::string& file) const {
    return !file.empty() && (file == verify || file == commit || file == rollback);
  }
};

/// From meta-data as JSON text. Keys that are not ours are left alone, since artifacts made before
/// there were any may hold anything. Errors: not JSON, or one of our keys with a value it cannot
/// have.
module::Result<Declaration> parse_declaration(const std::string& meta_data);

}  // namespace patchbay::script
