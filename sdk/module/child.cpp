#include "patchbay/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "make a pipe");
  return Pipe{Fd{ends[0]}, Fd{ends[1]}};
}

/// argv, behind a free slot for the shell.
std::vector<char*> words_of(const ChildProgram& program) {
  std::vector<char*> words{nullptr, const_cast<char*>(program.path.c_str())};
  for (const auto& argument : program.arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  return words;
}

constexpr int kFirstOther = STDERR_FILENO + 1;

/// Moves it out of the places that get another descriptor before `place` gets this one.
bool keep_until(int place, int& fd) {
  if (fd < 0 || fd >= place) return true;
  fd = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOther);
  return fd >= 0;
}

bool put(int from, int to) {
  // A descriptor that is in its place already would be closed by its O_CLOEXEC.
  if (from == to) return ::fcntl(from, F_SETFD, 0) == 0;
  return from < 0 || ::dup2(from, to) >= 0;
}

bool is_ready(const ChildProgram& program) {
  int output = program.output;
  int error = program.error;
  if (!keep_until(STDOUT_FILENO, output) || !keep_until(STDERR_FILENO, error)) return false;
  const int input = program.input >= 0 ? program.input : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return input >= 0 && put(input, STDIN_FILENO) && put(output, STDOUT_FILENO) &&
         put(error, STDERR_FILENO) &&
         (program.working_directory.empty() || ::chdir(program.working_directory.c_str()) == 0);
}

// Container hosts set limits of a million and more, and going through those takes a second.
constexpr rlim_t kMostNumbers = 65536;

void close_others_one_by_one() {
  rlimit limit{kMostNumbers, kMostNumbers};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min(limit.rlim_cur, kMostNumbers));
  for (int fd = kFirstOther; fd < end; ++fd)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// At exec: until then `report` is needed.
void close_others() {
  constexpr unsigned kCloseOnExec = 1U << 2U;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, unsigned{kFirstOther}, ~0U, kCloseOnExec) != 0)
    close_others_one_by_one();
}

void execute(char** words) {
  ::execv(words[1], words + 1);
  if (errno != ENOEXEC) return;
  static char shell[] = "/bin/sh";
  words[0] = shell;
  ::execv(shell, words);
}

/// What we handle ourselves must not be handled in the child: its memory is ours until it runs
/// another program. What we ignore, it ignores, but for SIGPIPE.
void restore_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction now {};
    const bool is_known = ::sigaction(number, nullptr, &now) == 0;
    if (is_known && now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)
      ::signal(number, SIG_DFL);
  }
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Only calls that are safe between vfork and exec. Reports what failed through `report`.
[[noreturn]] void become(const ChildProgram& program, char** words, int report, pid_t parent) {
  // The client ends a module by force when it dies itself. What the module has started must not
  // live on then: the next client would undo what is still being done.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  restore_signals();
  if (keep_until(kFirstOther, report) && is_ready(program)) {
    if (program.others == ChildProgram::Others::close) close_others();
    execute(words);
  }
  const int why = errno;
  [[maybe_unused]] const auto written = ::write(report, &why, sizeof why);
  ::_exit(127);
}

/// Not with fork(), which would copy the page tables of a module with buffers of many megabytes,
/// nor with posix_spawn(), which knows no PR_SET_PDEATHSIG.
pid_t begin(const ChildProgram& program, char** words, int report) {
  const pid_t self = ::getpid();
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): see above
  if (pid == 0) become(program, words, report, self);
  const int why = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = why;
  return pid;
}

/// What become() has reported; 0: the program runs.
int reported(const Fd& reader) {
  int why = 0;
  ssize_t count = 0;
  while ((count = ::read(reader.get(), &why, sizeof why)) < 0 && errno == EINTR) {
  }
  return count == sizeof why ? why : 0;
}

std::string interpreter_of(const std::string& path) {
  auto text = read_file(path, 1024 * 1024);
  if (!text || !text->starts_with("#!")) return "";
  return text->substr(2, text->find('\n') - 2);
}

Error explain(int why, const std::string& path) {
  const auto interpreter = interpreter_of(path);
  if (why == ENOENT && !interpreter.empty())
    return Error{"run " + path + ": its interpreter '" + interpreter +
                 "' is missing on this device"};
  if (why == EACCES && ::access(path.c_str(), X_OK) != 0)
    return Error{"run " + path + ": not executable; is its file system mounted with noexec?"};
  return Error::from_errno(why, "run " + path);
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
    : pid_{std::exchange(other.pid_, 0)}, ended_{std::move(other.ended_)} {
}

Child::~Child() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

int Child::ended() {
  if (!ended_) ended_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
  return ended_.get();
}

bool Child::has_ended() const {
  siginfo_t end{};
  const int failed = ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT);
  return failed != 0 || end.si_pid != 0;
}

ProgramExit Child::reap() {
  return wait_for(std::exchange(pid_, 0));
}

Result<Child> Child::start(const ChildProgram& program) {
  auto words = words_of(program);
  PATCHBAY_TRY(auto report, make_pipe());
  const pid_t pid = begin(program, words.data(), report.writer.get());
  if (pid < 0) return Error::from_errno(errno, "start " + program.path);
  Child child{pid};
  report.writer.reset();
  if (const int why = reported(report.reader); why != 0) return explain(why, program.path);
  return child;
}

}  // namespace patchbay::module
