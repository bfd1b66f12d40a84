#pragma once

#include <optional>
#include <string>

#include "core/host/protocol.hpp"
#include "sdk/kit/kill_at_syscall.hpp"
#include "sdk/kit/subject.hpp"

namespace patchbay::kit {

/// One call of a module in a process of its own, which is traced: to count what it changes, to stop
/// it there, and to see whether it reboots. Each member makes the call anew.
class TracedCall {
 public:
  /// `tree` is the work tree.
  TracedCall(const Subject& subject, const std::string& tree, host::Call call);

  /// Stops it for good in front of the `nth` change, with all it has started. Throws where nobody
  /// may trace.
  [[nodiscard]] Cut stopped_at(unsigned nth) const;
  /// How many changes it makes; 0 where nobody may trace.
  [[nodiscard]] unsigned changes() const;
  /// As far as the reboot that it asks for, or to its end. What it says goes to the file `output`.
  /// Nothing where nobody may trace.
  [[nodiscard]] std::optional<Cut> to_reboot(const std::string& output) const;
  /// What changes() is for a call that does nothing: this program is started, and the module.
  static constexpr unsigned kLeastChanges = 2;

 private:
  TracedProgram program_;
};

/// argv[1] of the process.
inline constexpr const char* kCallOnce = "call-once";
/// What it does. The exit code.
int run_one_call(const std::string& type, const std::string& path, const std::string& tree,
                 const std::string& call);

}  // namespace patchbay::kit
