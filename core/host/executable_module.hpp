#pragma once

#include <memory>

#include "core/host/module_call.hpp"

namespace patchbay::host {

/// The binding for modules that are programs. Internal to core/host.
std::unique_ptr<Module> make_executable_module(CallContext context);

}  // namespace patchbay::host
