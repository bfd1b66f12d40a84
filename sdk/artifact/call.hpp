#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace patchbay::artifact_tool {

/// Under whose name the program was started: decides spelling, texts and exit codes, nothing else.
enum class Face : std::uint8_t {
  patchbay,  ///< patchbay-artifact
  mender,    ///< mender-artifact
};

/// The face of a program name (argv[0], with or without directory).
Face face_of(const std::string& program);

/// "patchbay-artifact" or "mender-artifact".
std::string program_name(Face face);

/// One call of one command.
struct Call {
  Face face = Face::patchbay;
  std::string command;                 ///< "write"
  std::vector<std::string> arguments;  ///< what stands behind the command
  /// Value of --compression in front of the command, which mender-artifact allows; empty: none.
  std::string compression;
};

}  // namespace patchbay::artifact_tool
