#pragma once

#include <sys/types.h>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/process.hpp"

/// From a Command to a running child. Internal to core/os; Boost.Process stays inside launch.cpp.
namespace patchbay::os {

struct Launched {
  pid_t pid;       ///< has called exec; leader of its own process group; to be reaped by the caller
  UniqueFd pidfd;  ///< readable once the child has exited
  UniqueFd out;    ///< non-blocking read end of its standard output
  UniqueFd err;    ///< the same of its standard error
};

/// Errors as of Process::start; nothing of a failed start is left behind.
Result<Launched> launch(const Command& command);

/// waitpid(2), blocking.
int reap(pid_t pid);

}  // namespace patchbay::os
