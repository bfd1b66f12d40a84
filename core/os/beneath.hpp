#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

/// Two ways to open a name beneath a directory without leaving it. Internal to core/os.
namespace patchbay::os {

/// Refuses what is wrong whatever the file system holds: empty, absolute, with "..", with NUL.
Status check_beneath_name(const std::string& name);

/// By openat2(2). The result, or -1 with errno; ENOSYS where the kernel is too old.
UniqueFd open_beneath_openat2(int directory, const std::string& name, int flags, mode_t mode);

/// Component by component, for kernels without openat2. Same errno values.
UniqueFd open_beneath_walking(int directory, const std::string& name, int flags, mode_t mode);

}  // namespace patchbay::os
