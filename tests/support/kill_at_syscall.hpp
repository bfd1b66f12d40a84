#pragma once

#include "sdk/kit/kill_at_syscall.hpp"

/// The power cuts of the module kit, under the names the tests know.
namespace patchbay::testing {

using kit::Counted;
using kit::Cut;
using kit::run_and_cut;
using kit::TracedProgram;
using kit::Victim;

}  // namespace patchbay::testing
