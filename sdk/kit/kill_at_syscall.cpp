#include "sdk/kit/kill_at_syscall.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "sdk/kit/changing_calls.hpp"

namespace patchbay::kit {
namespace {

std::runtime_error failed(const std::string& what) {
  return std::runtime_error{what + ": " + std::strerror(errno)};
}

// How the tracer learns of system calls: by a filter of those that matter, or of every one.
enum class Stops { at_changing_calls, at_every_call };

// In front of this one it is killed, whatever its number.
enum class Fatal { none, reboot };

bool stop_at_changing_calls(Stops stops, Reach reach) {
  if (stops == Stops::at_every_call) return true;
  auto filter = filter_of_changing_calls(reach);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void become(const TracedProgram& program, Stops stops, Reach reach) {
  std::vector<char*> argv;
  for (const auto& argument : program.argv)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (const auto& entry : program.environment)
    environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(nullptr);

  const auto* const output = program.output.empty() ? "/dev/null" : program.output.c_str();
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const bool ready =
      ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(out, 2) == 2 &&
      (program.working_directory.empty() || ::chdir(program.working_directory.c_str()) == 0) &&
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0;
  if (ready) {
    ::raise(SIGSTOP);
    if (stop_at_changing_calls(stops, reach)) ::execve(argv[0], argv.data(), environment.data());
  }
  ::_exit(126);
}

class Tracer {
 public:
  Tracer(const TracedProgram& program, unsigned nth, Victim victim, Counted counted, Reach reach,
         Fatal fatal = Fatal::none)
      : fatal_{fatal},
        nth_{nth},
        victim_{victim},
        counted_{counted},
        reach_{reach},
        // Survivors are let go of, and could not make a filtered call without a tracer.
        stops_{victim == Victim::everybody ? Stops::at_changing_calls : Stops::at_every_call} {
    first_ = ::fork();
    if (first_ < 0) throw failed("fork");
    if (first_ == 0) become(program, stops_, reach_);
    begin();
  }

  Cut run() {
    while (!alive_.empty()) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0 && errno == ECHILD) break;
      if (pid < 0) throw failed("waitpid");
      handle(pid, status);
    }
    return cut_;
  }

 private:
  void begin() {
    int status = 0;
    if (::waitpid(first_, &status, __WALL) != first_ || !WIFSTOPPED(status))
      throw std::runtime_error{"the traced program did not start"};
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL |
                              PTRACE_O_TRACESECCOMP;
    if (::ptrace(PTRACE_SETOPTIONS, first_, nullptr, kOptions) != 0) throw failed("ptrace");
    alive_.insert(first_);
    resume(first_, 0);
  }

  void handle(pid_t pid, int status) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == first_) cut_.wait_status = status;
      alive_.erase(pid);
      return;
    }
    if (!WIFSTOPPED(status)) return;
    if (released_.contains(pid)) return;
    // A new process or thread may report itself before its parent reports having made it.
    const bool is_new = alive_.insert(pid).second;
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80) || event == PTRACE_EVENT_SECCOMP) return at_system_call(pid);
    if (event != 0 || (is_new && signal == SIGSTOP) || just_born_.erase(pid) != 0) {
      note_birth(pid, event);
      return resume(pid, 0);
    }
    resume(pid, signal);
  }

  void note_birth(pid_t parent, int event) {
    if (event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK && event != PTRACE_EVENT_CLONE)
      return;
    unsigned long child = 0;
    if (::ptrace(PTRACE_GETEVENTMSG, parent, nullptr, &child) != 0) return;
    const auto pid = static_cast<pid_t>(child);
    if (alive_.insert(pid).second) just_born_.insert(pid);
  }

  void at_system_call(pid_t pid) {
    __ptrace_syscall_info info{};
    const long got = ::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
    // Both kinds of stop lay number and arguments out alike.
    const bool before =
        info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_SECCOMP;
    if (got > 0 && before && counts(pid) && is_the_one(pid, info)) return strike(pid);
    resume(pid, 0);
  }

  [[nodiscard]] bool counts(pid_t pid) const {
    if (cut_.reached) return false;
    if (counted_ == Counted::everybody) return true;
    return (process_of(pid) == first_) == (counted_ == Counted::first_process);
  }

  static pid_t process_of(pid_t thread) {
    const auto status = "/proc/" + std::to_string(thread) + "/status";
    std::array<char, 512> text{};
    const int fd = ::open(status.c_str(), O_RDONLY | O_CLOEXEC);
    [[maybe_unused]] const auto count = ::read(fd, text.data(), text.size() - 1);
    ::close(fd);
    const char* const line = std::strstr(text.data(), "\nTgid:");
    return line == nullptr ? thread : static_cast<pid_t>(std::strtol(line + 6, nullptr, 10));
  }

  bool is_the_one(pid_t pid, const __ptrace_syscall_info& info) {
    Arguments arguments{};
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), arguments.begin());
    const auto call = changing_call(pid, static_cast<long>(info.entry.nr), arguments, reach_);
    if (!call || !counts(pid, call->role)) return false;
    ++cut_.calls;
    const bool reboots = fatal_ == Fatal::reboot && call->name == std::string_view{"reboot"};
    if (!reboots && cut_.calls != nth_) return false;
    cut_.reached = true;
    cut_.call = call->name;
    cut_.subject = call->subject;
    return true;
  }

  // Of all waits the first after a request: what was asked for may happen, or not.
  bool counts(pid_t pid, ChangingCall::Role role) {
    if (role == ChangingCall::Role::wait_for_answer) return asking_.erase(pid) != 0;
    if (role == ChangingCall::Role::request) asking_.insert(pid);
    return true;
  }

  // A process stopped at the entry of a call that is killed there never makes the call.
  void strike(pid_t at) {
    if (victim_ == Victim::everybody) {
      for (const pid_t pid : alive_)
        ::kill(process_of(pid), SIGKILL);
      return;
    }
    ::kill(first_, SIGKILL);
    if (process_of(at) != first_) release(at);
  }

  void release(pid_t pid) {
    released_.insert(pid);
    alive_.erase(pid);
    ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  }

  void resume(pid_t pid, int signal) {
    const bool survivor =
        cut_.reached && victim_ == Victim::first_process && process_of(pid) != first_;
    if (survivor) return release(pid);
    // One that was being born while the others were struck.
    if (cut_.reached && victim_ == Victim::everybody) ::kill(process_of(pid), SIGKILL);
    const auto go_on = stops_ == Stops::at_every_call ? PTRACE_SYSCALL : PTRACE_CONT;
    ::ptrace(go_on, pid, nullptr, static_cast<long>(signal));
  }

  Fatal fatal_;
  unsigned nth_;
  Victim victim_;
  Counted counted_;
  Reach reach_;
  Stops stops_;
  pid_t first_ = -1;
  std::set<pid_t> alive_;
  std::set<pid_t> just_born_;
  std::set<pid_t> released_;
  std::set<pid_t> asking_;
  Cut cut_;
};

}  // namespace

bool Cut::exited_with(int code) const {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == code;
}

Cut run_and_cut(const TracedProgram& program, unsigned nth, Victim victim, Counted counted,
                Reach reach) {
  return Tracer{program, nth, victim, counted, reach}.run();
}

Cut run_to_reboot(const TracedProgram& program) {
  return Tracer{program, 0, Victim::everybody, Counted::everybody, Reach::anybody, Fatal::reboot}
      .run();
}

}  // namespace patchbay::kit
