#pragma once

#include "core/app/device.hpp"
#include "core/store/provides.hpp"

/// Internal to core/app.
namespace patchbay::app {

/// All that the device tells a server it provides: what is installed, and `device_type`.
Result<store::Provides> read_provides(const Device& device);

}  // namespace patchbay::app
