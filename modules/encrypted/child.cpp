#include "modules/encrypted/child.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace patchbay::encrypted {

using module::Child;
using module::Error;
using module::ProgramExit;
using module::Result;

Result<Child> start_watched(const module::ChildProgram& program) {
  PATCHBAY_TRY(auto child, Child::start(program));
  if (child.ended() < 0) return Error{"watch " + program.path + ": the kernel has no pidfd_open"};
  return child;
}

void end_like(const ProgramExit& exit) {
  if (exit.kind == ProgramExit::Kind::code) ::_exit(exit.value);
  // Our memory has nothing to tell about its end.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(exit.value, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::raise(exit.value);
  ::_exit(128 + exit.value);
}

}  // namespace patchbay::encrypted
