#pragma once

#include <string>
#include <vector>

#include "patchbay/module.hpp"

namespace patchbay::encrypted {

/// /etc/mender/encrypted.json, in the client's configuration directory.
struct Settings {
  std::string file;  ///< where they are, for messages
  /// A program and its arguments: reads ciphertext on standard input, writes what was encrypted on
  /// standard output, and fails when that is not to be trusted.
  std::vector<std::string> decrypt;
  /// Where modules of the plain types are looked for, after the directory of this module itself.
  std::vector<std::string> modules;
};

/// The defaults where there is no file.
module::Result<Settings> read_settings();

/// The program of `settings.decrypt` as an absolute path. Errors: it is missing; the identity that
/// follows `--identity` or `-i` is missing, or others can read it.
module::Result<std::string> check_decryption(const Settings& settings);

/// An error when somebody but root and this user could change the file or directory at `path`.
module::Status check_nobody_else_can_change(const std::string& path);

}  // namespace patchbay::encrypted
