#pragma once

#include <csignal>

/// How an executable learns that it should end. Internal to sdk/module.
namespace patchbay::module {

/// Set by the handler of SIGTERM, which only modules that ask for it have.
extern volatile std::sig_atomic_t stop_requested;

}  // namespace patchbay::module
