#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace patchbay::kit {

/// The report of a trace for people: a line for each call, and below it what it said and what it
/// did to its work tree; at the end what has changed on the machine.
std::string trace_as_text(const nlohmann::json& report);

}  // namespace patchbay::kit
