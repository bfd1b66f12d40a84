#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "sdk/kit/check.hpp"

/// Commands that only look.
namespace patchbay::kit {

/// `list`: every module in the directories (none: where a device looks), with its binding and
/// version, the shadowed ones marked, and why a device would refuse it. An error when a directory
/// that was named cannot be read.
Status list_modules(std::vector<std::string> directories, ReportFormat format);

/// `describe`: prints the Describe object. A plugin is not run for that.
Status describe_module(const CheckOptions& options);

}  // namespace patchbay::kit
