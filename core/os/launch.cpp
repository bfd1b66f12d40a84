#include "core/os/launch.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// vfork is there, but Boost 1.74 does not look for it when _GNU_SOURCE is defined.
#define BOOST_POSIX_HAS_VFORK 1

#include <algorithm>
#include <array>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/posix.hpp>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "core/base/bytes.hpp"
#include "core/os/start_error.hpp"

namespace patchbay::os {
namespace {

namespace bp = boost::process;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "create pipe");
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

struct Redirection {
  int from;
  int to;
};

/// All that the child needs between fork and exec, allocated before: there only system calls are
/// safe.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* directory = nullptr;
  std::vector<Redirection> redirections;
  int report = -1;
  pid_t parent = -1;
};

void report_failure(const ChildPlan& plan, StartStep step) {
  const StartFailure failure{step, errno};
  // If even this fails, the parent sees exit code 127 from a child that printed nothing.
  (void)!::write(plan.report, &failure, sizeof failure);
}

[[noreturn]] void give_up(const ChildPlan& plan, StartStep step) {
  report_failure(plan, step);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void prepare_child(const ChildPlan& plan) {
  // What recovers after our death must not meet a child that still works.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, StartStep::group);
  if (::getppid() != plan.parent) ::_exit(127);
  if (::setpgid(0, 0) != 0) give_up(plan, StartStep::group);
  // One call, whatever RLIMIT_NOFILE is. The dup2 below make unmarked copies.
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(plan, StartStep::close_range);
  for (const auto& [from, to] : plan.redirections) {
    if (::dup2(from, to) < 0) give_up(plan, StartStep::descriptors);
  }
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) {
    give_up(plan, StartStep::directory);
  }
  // Last: until here every signal is blocked, so that none can run our handlers in the child.
  reset_signals();
}

/// Tells Boost.Process what to run, and does the child's part of it.
class Launcher : public bp::extend::handler {
 public:
  explicit Launcher(const ChildPlan& plan) : plan_{&plan} {}

  template <typename Executor>
  void on_setup(Executor& executor) const {
    executor.exe = plan_->argv.front();
    executor.cmd_line = plan_->argv.data();
    executor.env = const_cast<char**>(plan_->environment.data());
  }
  template <typename Executor>
  void on_fork_error(Executor& /*executor*/, const std::error_code& code) const {
    errno = code.value();
    report_failure(*plan_, StartStep::fork);
  }
  template <typename Executor>
  void on_exec_setup(Executor& /*executor*/) const {
    prepare_child(*plan_);
  }
  template <typename Executor>
  void on_exec_error(Executor& /*executor*/, const std::error_code& code) const {
    errno = code.value();
    give_up(*plan_, StartStep::exec);
  }

 private:
  const ChildPlan* plan_;
};

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 2);
  for (const auto& text : texts)
    list.push_back(const_cast<char*>(text.c_str()));
  return list;
}

/// A descriptor that no dup2 of the child can overwrite before it has been copied itself.
Result<UniqueFd> moved_above(int fd, int highest_target) {
  UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, highest_target + 1)};
  if (!copy) return Error::from_errno(errno, "copy descriptor " + std::to_string(fd));
  return copy;
}

/// Descriptors that live until the child has its copies.
struct ChildDescriptors {
  Pipe out;
  Pipe err;
  Pipe report;
  UniqueFd null;
  std::vector<UniqueFd> moved;
};

Status place(ChildDescriptors& kept, ChildPlan& plan, Redirection redirection, int highest) {
  if (redirection.from <= highest) {
    PB_TRY(auto copy, moved_above(redirection.from, highest));
    redirection.from = copy.get();
    kept.moved.push_back(std::move(copy));
  }
  plan.redirections.push_back(redirection);
  return Done{};
}

Result<ChildDescriptors> prepare_descriptors(const Command& command, ChildPlan& plan) {
  ChildDescriptors kept;
  PB_TRY(kept.out, make_pipe());
  PB_TRY(kept.err, make_pipe());
  PB_TRY(kept.report, make_pipe());
  kept.null.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!kept.null) return Error::from_errno(errno, "open /dev/null");
  int highest = 2;
  for (const auto& passed : command.descriptors)
    highest = std::max(highest, passed.theirs);
  if (kept.report.write_end.get() <= highest) {
    PB_TRY(kept.report.write_end, moved_above(kept.report.write_end.get(), highest));
  }
  plan.report = kept.report.write_end.get();
  plan.parent = ::getpid();
  PB_CHECK(place(kept, plan, {kept.null.get(), 0}, highest));
  PB_CHECK(place(kept, plan, {kept.out.write_end.get(), 1}, highest));
  PB_CHECK(place(kept, plan, {kept.err.write_end.get(), 2}, highest));
  for (const auto& [ours, theirs] : command.descriptors) {
    PB_CHECK(place(kept, plan, {ours, theirs}, highest));
  }
  for (const UniqueFd* end : {&kept.out.read_end, &kept.err.read_end}) {
    if (::fcntl(end->get(), F_SETFL, O_NONBLOCK) != 0) {
      return Error::from_errno(errno, "make pipe non-blocking");
    }
  }
  return kept;
}

/// Whoever started us may have had SIGCHLD ignored; then the kernel throws exit codes away.
void keep_exit_codes() {
  struct sigaction action {};
  ::sigaction(SIGCHLD, nullptr, &action);
  const bool ignored = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
  if (!ignored && (action.sa_flags & SA_NOCLDWAIT) == 0) return;
  action.sa_flags &= ~SA_NOCLDWAIT;
  if (ignored) action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, nullptr);
}

/// A failure that the child (or its fork) has reported; nothing when it runs.
std::optional<StartFailure> read_report(ChildDescriptors& descriptors) {
  descriptors.report.write_end.reset();
  StartFailure failure{};
  ssize_t got = 0;
  do {
    got = ::read(descriptors.report.read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof failure)) return std::nullopt;
  return failure;
}

/// The pid of the child, or of what was the child until it gave up; 0 when there was no fork.
pid_t spawn(const ChildPlan& plan) {
  const SignalsBlocked blocked;
  // vfork: nothing is copied, and the child has called exec (or given up) when this returns.
  // Boost's own passing of errors is left out: it does not reap a child that has failed.
  bp::child child{Launcher{plan}, bp::ignore_error, bp::posix::use_vfork};
  child.detach();
  return std::max<pid_t>(child.id(), 0);
}

Status check(const Command& command) {
  const auto invalid = [&command](const std::string& why) {
    return Error{ErrorCode::invalid_input, "start \"" + printable(command.program) + "\": " + why};
  };
  if (!command.program.starts_with('/')) return invalid("not an absolute path");
  const auto holds_nul = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  if (holds_nul(command.program) || holds_nul(command.working_directory) ||
      std::any_of(command.arguments.begin(), command.arguments.end(), holds_nul) ||
      std::any_of(command.environment.begin(), command.environment.end(), holds_nul)) {
    return invalid("a NUL byte in the command");
  }
  for (const auto& passed : command.descriptors) {
    if (passed.theirs < 3) return invalid("descriptors below 3 cannot be passed");
  }
  return Done{};
}

ChildPlan make_plan(const Command& command) {
  ChildPlan plan;
  plan.argv = pointers(command.arguments);
  plan.argv.insert(plan.argv.begin(), const_cast<char*>(command.program.c_str()));
  plan.argv.push_back(nullptr);
  plan.environment = pointers(command.environment);
  plan.environment.push_back(nullptr);
  if (!command.working_directory.empty()) plan.directory = command.working_directory.c_str();
  return plan;
}

}  // namespace

Result<Launched> launch(const Command& command) {
  PB_CHECK(check(command));
  ChildPlan plan = make_plan(command);
  PB_TRY(auto descriptors, prepare_descriptors(command, plan).context("start " + command.program));
  keep_exit_codes();
  const pid_t pid = spawn(plan);
  if (const auto failure = read_report(descriptors)) {
    if (pid > 0) reap(pid);
    return start_error(command, *failure);
  }
  // glibc 2.36 declares its pidfd_open without C linkage.
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!pidfd) {
    const int reason = errno;
    ::kill(-pid, SIGKILL);
    reap(pid);
    return Error::from_errno(reason, "start " + command.program + ": pidfd_open");
  }
  return Launched{pid, std::move(pidfd), std::move(descriptors.out.read_end),
                  std::move(descriptors.err.read_end)};
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace patchbay::os
