#pragma once

#include <string>

#include "core/base/result.hpp"
#include "sdk/artifact/place.hpp"

namespace CLI {
class App;
}

/// What the commands that copy files in and out have in common.
namespace patchbay::artifact_tool {

inline constexpr const char* kPlaceHelp =
    "ARTIFACT:/PATH in its file system, ARTIFACT:FILE in its payload,\n"
    "ARTIFACT:NNNN/FILE of payload NNNN, ARTIFACT:FILE:/PATH in that one's";

/// Adds --tmp.
void add_temporary_option(CLI::App& app, std::string& temporary);

/// Copies a file out of a container to `target`: a file, a directory, or "-" for standard output.
/// A file keeps its mode.
Status copy_out(const Place& place, const std::string& target, const std::string& temporary);

}  // namespace patchbay::artifact_tool
