#pragma once

#include <functional>
#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/request.hpp"
#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// Waits until all of `ids` have run without a restart, none of them unhealthy, for the length of
/// the window. A container that ends, restarts or is found unhealthy is an error at once; so is a
/// window that has not begun in time.
module::Status wait_until_healthy(const Engine& engine, const std::vector<std::string>& ids,
                                  const HealthWindow& window, module::Context& context);

}  // namespace patchbay::containers
