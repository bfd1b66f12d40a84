#pragma once

namespace patchbay::kit {

/// The program patchbay-module: reads the command line and does what it says. Returns the exit
/// status.
int run_command_line(int argc, const char* const* argv);

}  // namespace patchbay::kit
