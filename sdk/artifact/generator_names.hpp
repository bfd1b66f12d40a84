#pragma once

#include "core/base/result.hpp"
#include "sdk/artifact/generator.hpp"

namespace patchbay::artifact_tool {

/// Whether every option that templates and files name is one of `generator`: what is misspelt would
/// be left empty, in artifacts that nobody looks into.
Status check_option_names(const Generator& generator);

}  // namespace patchbay::artifact_tool
