#pragma once

#include "patchbay/child.hpp"

namespace patchbay::encrypted {

/// A child whose end is waited for beside other things. Error: also a kernel that cannot tell it.
module::Result<module::Child> start_watched(const module::ChildProgram& program);

/// Ends this process as a child has ended: by the same code or signal.
[[noreturn]] void end_like(const module::ProgramExit& exit);

}  // namespace patchbay::encrypted
