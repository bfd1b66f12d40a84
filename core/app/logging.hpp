#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/app/options.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"

namespace patchbay::app {

/// The log of this run, over spdlog: standard error or the file of --log-file. Under Mender's names
/// everything from info on is shown, otherwise from warning on, unless --log-level says more.
Result<std::unique_ptr<Log>> make_log(const Options& options);

}  // namespace patchbay::app
