#pragma once

#include <cstdlib>

#include "sdk/kit/kill_at_syscall.hpp"

/// The power cuts of the module kit, under the names the tests know.
namespace patchbay::testing {

using kit::Counted;
using kit::Cut;
using kit::Reach;
using kit::run_and_cut;
using kit::TracedProgram;
using kit::Victim;

/// How far apart the cuts of a test are, in changing system calls. Neighbours differ in little, so
/// a sample stands for all, unless PATCHBAY_ALL_CUTS is set, as the tests named *.all_cuts set it.
inline unsigned cut_stride(unsigned sample) {
  return std::getenv("PATCHBAY_ALL_CUTS") != nullptr ? 1 : sample;
}

}  // namespace patchbay::testing
