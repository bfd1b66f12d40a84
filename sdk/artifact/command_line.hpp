#pragma once

#include <optional>
#include <string>

#include "sdk/artifact/call.hpp"

namespace CLI {
class App;
}

namespace patchbay::artifact_tool {

/// Reads the arguments of `call` with `app`. Returns the exit code when the program is to end now:
/// the help was asked for and printed, or a mistake was explained. `example` is shown at the end of
/// the help, one command a line.
///
/// Under the name mender-artifact also that program's spellings are understood: one dash or two for
/// every option, `-o=value`, `--flag=true`.
std::optional<int> parse(CLI::App& app, const Call& call, const std::string& example);

}  // namespace patchbay::artifact_tool
