#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace patchbay::testing {

/// A call to a module with a boot command that does not answer to one of its verbs. Once that is
/// well again, the client's next calls bring the update to its end.
struct FailingCall {
  std::string name;
  std::vector<std::string> before;  ///< calls that succeed; "reboot" is a reboot
  std::string verb;                 ///< of the boot command, which fails
  std::string state;                ///< the call that fails
  std::vector<std::string> after;   ///< as `before`
  bool is_new = false;              ///< which of the two versions starts in the end

  /// How GoogleTest names it.
  friend void PrintTo(const FailingCall& call, std::ostream* out) { *out << call.name; }
};

/// For each state, one or more.
std::span<const FailingCall> failing_calls();

}  // namespace patchbay::testing
