#pragma once

#include <cstdint>

#include "core/base/error.hpp"
#include "core/os/process.hpp"

/// Why a child could not be started, in words. Internal to core/os.
namespace patchbay::os {

enum class StartStep : std::int32_t { fork, group, close_range, descriptors, directory, exec };

/// What the child writes to its parent when it cannot go on; one write, so it arrives whole.
struct StartFailure {
  StartStep step;
  std::int32_t error_number;
};

Error start_error(const Command& command, StartFailure failure);

}  // namespace patchbay::os
