#pragma once

#include <string>

#include "core/app/config/config.hpp"

/// The configuration with which an update has begun, as it is kept in the store until the update
/// ends: what it brings may be a configuration that nobody understands, and it has to be undone
/// then, too.
namespace patchbay::app {

/// JSON in the form of a configuration file: every key that was set, but for secrets and servers,
/// which no undo needs.
std::string to_json(const Config& config);

/// What to_json() has made.
Result<Config> parse_kept(const std::string& json);

}  // namespace patchbay::app
