#pragma once

#include <string>

#include "core/app/config/config.hpp"
#include "core/app/config/document.hpp"

namespace patchbay::app {

/// Puts what `document`, read from `file`, says over `config`.
Status merge(const Value& document, const std::string& file, Config& config);

}  // namespace patchbay::app
