#include "modules/encrypted/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace patchbay::encrypted {
namespace {

using module::Error;
using module::Fd;
using module::ProgramExit;
using module::Result;

bool put(int from, int to) {
  return from < 0 || ::dup2(from, to) >= 0;
}

// Only calls that are safe between fork and exec. Reports what failed through `report`.
[[noreturn]] void become(const Start& what, char* const* argv, int report, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int input = what.input >= 0 ? what.input : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool ready = input >= 0 && put(input, STDIN_FILENO) && put(what.output, STDOUT_FILENO) &&
                     put(what.error, STDERR_FILENO) &&
                     (what.directory.empty() || ::chdir(what.directory.c_str()) == 0);
  if (ready) {
    if (what.others == Start::Others::close)
      ::syscall(SYS_close_range, 3U, ~0U, 1U << 2U /* CLOSE_RANGE_CLOEXEC */);
    ::execv(argv[0], argv);
  }
  const int why = errno;
  [[maybe_unused]] const auto written = ::write(report, &why, sizeof why);
  ::_exit(127);
}

ProgramExit wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {ProgramExit::Kind::signal, WTERMSIG(status), {}};
  return {ProgramExit::Kind::code, WEXITSTATUS(status), {}};
}

}  // namespace

Child::Child(Child&& other) noexcept
    : pid_{std::exchange(other.pid_, 0)}, pidfd_{std::move(other.pidfd_)} {
}

Child::~Child() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

ProgramExit Child::reap() {
  return wait_for(std::exchange(pid_, 0));
}

Result<Child> Child::start(const Start& what) {
  std::vector<char*> argv{const_cast<char*>(what.program.c_str())};
  for (const auto& argument : what.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "make a pipe");
  const Fd reader{ends[0]};
  Fd writer{ends[1]};
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(errno, "start " + what.program);
  if (pid == 0) become(what, argv.data(), writer.get(), self);
  writer.reset();
  Child child{pid, Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))}};

  int why = 0;
  ssize_t count = 0;
  while ((count = ::read(reader.get(), &why, sizeof why)) < 0 && errno == EINTR) {
  }
  if (count == sizeof why) return Error::from_errno(why, "run " + what.program);
  if (!child.pidfd_) return Error{"watch " + what.program + ": the kernel has no pidfd_open"};
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
