#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "sdk/kit/check.hpp"

/// `run` and `trace`: calls of a module on a throw-away root, with all that can be seen of them.
namespace patchbay::kit {

struct TraceOptions {
  std::vector<std::string> calls;  ///< those to make; none: a whole update
  std::string fail_after;          ///< call after which the client gives up; empty: never
};

/// Makes the calls and prints what each did. Returns whether all of them succeeded. Errors: as
/// check(), and invalid_input for a call that is not one of the protocol.
Result<bool> trace(const CheckOptions& options, const TraceOptions& wish, ReportFormat format);

}  // namespace patchbay::kit
