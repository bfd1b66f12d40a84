#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/os/process.hpp"

/// The programs that know file systems and partition tables.
namespace patchbay::artifact_tool {

/// A program, also in the administrator's directories, which are not in everybody's PATH.
/// not_found names the Debian package it is in.
Result<std::string> find_program(const std::string& name, const std::string& package);

struct Answer {
  os::Exit exit;
  std::string errors;  ///< lines of standard error but a program's name and version
};

/// Runs it with a small environment in English, without a terminal.
Result<Answer> run_program(const std::string& program, std::vector<std::string> arguments);

}  // namespace patchbay::artifact_tool
