#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.hpp"

/// Values that stand on a command line or in a manifest, held against the rules of the format
/// before anything is read or written, so that errors name the option and the value. `option` is
/// spelled as on the command line, with its dashes.
namespace patchbay::artifact_tool {

using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// Names of artifacts, groups and device types.
Status check_names(const std::string& option, const std::vector<std::string>& names);

/// Patterns, versions and the like: one line of UTF-8, which may be empty.
Status check_texts(const std::string& option, const std::vector<std::string>& texts);

/// Each text as KEY:VALUE of what a payload provides or depends on. The value may hold colons.
Result<KeyValues> key_values(const std::string& option, const std::vector<std::string>& texts);

/// The text of a file with a JSON object.
Result<std::string> read_meta_data(const std::string& option, const std::string& path);

/// The files that state scripts are in: of a directory, or the file itself.
Result<std::vector<std::string>> script_files(const std::string& option, const std::string& path);

}  // namespace patchbay::artifact_tool
