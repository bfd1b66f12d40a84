#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

/// Results on standard output; only for .cpp files of this folder.
namespace patchbay::app {

void print(const std::string& line);

/// Bytes that are no UTF-8 are shown as replacement characters, not a reason to fail.
void print_json(const nlohmann::json& value);

}  // namespace patchbay::app
