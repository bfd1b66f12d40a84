#pragma once

#include <cstdint>

#include "core/base/error.hpp"
#include "sdk/artifact/call.hpp"

namespace patchbay::artifact_tool {

/// How a command ended, as far as exit codes tell.
enum class Outcome : std::uint8_t {
  done,
  usage,                ///< the command line is not understood
  bad_parameter,        ///< understood, but a value cannot be right
  failed,               ///< anything else that went wrong
  cannot_create,        ///< the output cannot be made, or would be larger than allowed
  cannot_open,          ///< an artifact to read cannot be opened
  unsupported_version,  ///< a format version that this program does not know
  unsupported_feature,  ///< an artifact with something that this command cannot do
  invalid_artifact,     ///< an artifact that a device would refuse
  system_error,         ///< a directory or the like cannot be made
};

/// The number a program with this face exits with.
int exit_code(Face face, Outcome outcome);

/// Prints the error to standard error, in the words of the face, and returns the exit code.
int fail(const Call& call, Outcome outcome, const Error& error);

/// The same for Outcome::failed.
int fail(const Call& call, const Error& error);

/// Prints a warning to standard error; the command goes on.
void warn(const Call& call, const std::string& text);

}  // namespace patchbay::artifact_tool
