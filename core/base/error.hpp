#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace patchbay {

/// What the caller can do about a failure, not where it arose. The set is short, closed and stable:
/// it picks the edge of the flow, the exit status and the words for the person at the device.
enum class ErrorCode : std::uint8_t {
  invalid_input,  ///< the artifact, configuration or argument is wrong; repeating will not help
  not_found,      ///< a file, module or key that has to be there is not
  unsupported,    ///< well-formed, but nothing here can do it
  integrity,      ///< a checksum or signature does not match
  denied,         ///< permission, policy or configuration forbids it
  conflict,       ///< somebody else holds the thing, or an update is already pending
  no_space,       ///< the file system or the target device is too small
  io,             ///< the kernel or the network failed; repeating may help
  timeout,        ///< a time limit passed
  cancelled,      ///< somebody asked to stop
  module_failed,  ///< an update module or state script reported failure or broke the protocol
  internal,       ///< our own bug, seen from outside
};

/// Stable lower-case name, the same as the enumerator; used in logs and `--json` output.
std::string_view to_string(ErrorCode code);

/// A failure of the outside world: a code to act on and a sentence to read. Cheap to move.
///
/// The message names the thing, the value and, where there is one, the remedy. Each layer that
/// knows something the callee did not puts it in front: "install payload 2: verify app.tar: ...".
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_{code}, message_{std::move(message)} {}

  /// From an errno value: picks the code (ENOENT -> not_found, ENOSPC -> no_space, ...) and appends
  /// the system's text, and what to do about a full disk. `what` says what was attempted, with the
  /// path.
  static Error from_errno(int error_number, std::string_view what);

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// The errno this came from; 0 when there was none.
  [[nodiscard]] int error_number() const { return error_number_; }

  /// The same error with "`prefix`: " in front of its message.
  Error context(std::string_view prefix) const&;
  Error context(std::string_view prefix) &&;

 private:
  ErrorCode code_;
  int error_number_ = 0;
  std::string message_;
};

}  // namespace patchbay
