#pragma once

#include <memory>

#include "core/host/module_call.hpp"

namespace patchbay::host {

/// The binding for modules that are shared objects. Internal to core/host.
Result<std::unique_ptr<Module>> make_plugin_module(CallContext context);

}  // namespace patchbay::host
