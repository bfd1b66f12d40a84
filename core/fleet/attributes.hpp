#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::fleet {

/// What identity and inventory scripts say about the device: a name and its values, in the order in
/// which they were printed.
using Attributes = std::map<std::string, std::vector<std::string>>;

/// Lines `name=value`, as Mender's scripts print them; a name that comes again has several values.
/// Empty lines do not count. Error (invalid_input): a line without `=` or without a name.
Result<Attributes> parse_attributes(std::string_view text);

/// Runs a script, without arguments and for ten seconds at most, and reads what it prints. Errors
/// name the script.
Result<Attributes> run_attribute_script(const std::string& program,
                                        const std::vector<std::string>& environment);

}  // namespace patchbay::fleet
