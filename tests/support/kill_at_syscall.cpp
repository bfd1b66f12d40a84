#include "tests/support/kill_at_syscall.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

namespace patchbay::testing {
namespace {

using Arguments = std::array<unsigned long long, 6>;

// What decides whether a call changes something, and where its subject is.
enum class Kind {
  path,       // always changes; first argument is a path
  at_path,    // always changes; second argument is a path, relative to the first
  fd,         // always changes; first argument is a descriptor
  write_fd,   // changes if the descriptor is a file's
  open_path,  // changes if its flags (second argument) create or truncate
  open_at,    // the same, flags in the third
  open_how,   // the same, flags in the structure of openat2
  copy_to,    // changes; third argument is the descriptor written to
  splice_to,  // changes if the third argument is a file's descriptor
  send_to,    // changes if the first argument is a file's descriptor
  map_sync,   // always changes, no subject
};

struct Row {
  long number;
  const char* name;
  Kind kind;
};

#define PB_CALL(name, kind)       \
  Row {                           \
    SYS_##name, #name, Kind::kind \
  }
constexpr std::array kCalls{
    PB_CALL(write, write_fd),     PB_CALL(pwrite64, write_fd),
    PB_CALL(writev, write_fd),    PB_CALL(pwritev, write_fd),
    PB_CALL(pwritev2, write_fd),  PB_CALL(openat, open_at),
    PB_CALL(openat2, open_how),   PB_CALL(copy_file_range, copy_to),
    PB_CALL(sendfile, send_to),   PB_CALL(splice, splice_to),
    PB_CALL(truncate, path),      PB_CALL(ftruncate, fd),
    PB_CALL(fallocate, fd),       PB_CALL(fsync, fd),
    PB_CALL(fdatasync, fd),       PB_CALL(syncfs, fd),
    PB_CALL(sync_file_range, fd), PB_CALL(sync, map_sync),
    PB_CALL(msync, map_sync),     PB_CALL(renameat2, at_path),
    PB_CALL(linkat, at_path),     PB_CALL(symlinkat, path),
    PB_CALL(unlinkat, at_path),   PB_CALL(mkdirat, at_path),
    PB_CALL(mknodat, at_path),    PB_CALL(fchmod, fd),
    PB_CALL(fchmodat, at_path),   PB_CALL(fchown, fd),
    PB_CALL(fchownat, at_path),   PB_CALL(utimensat, at_path),
    PB_CALL(setxattr, path),      PB_CALL(lsetxattr, path),
    PB_CALL(fsetxattr, fd),       PB_CALL(removexattr, path),
    PB_CALL(lremovexattr, path),  PB_CALL(fremovexattr, fd),
    PB_CALL(mount, path),         PB_CALL(umount2, path),
    PB_CALL(reboot, map_sync),
// Arm 64 never had these.
#ifdef SYS_open
    PB_CALL(open, open_path),     PB_CALL(creat, path),
    PB_CALL(rename, path),        PB_CALL(link, path),
    PB_CALL(symlink, path),       PB_CALL(unlink, path),
    PB_CALL(mkdir, path),         PB_CALL(rmdir, path),
    PB_CALL(mknod, path),         PB_CALL(chmod, path),
    PB_CALL(chown, path),         PB_CALL(lchown, path),
    PB_CALL(utime, path),         PB_CALL(utimes, path),
    PB_CALL(futimesat, at_path),
#endif
#ifdef SYS_renameat
    PB_CALL(renameat, at_path),
#endif
};
#undef PB_CALL

std::runtime_error failed(const std::string& what) {
  return std::runtime_error{what + ": " + std::strerror(errno)};
}

std::string text_at(pid_t pid, unsigned long long address) {
  std::string text;
  std::array<char, 256> chunk{};
  while (address != 0 && text.size() < PATH_MAX) {
    // Stay inside a page: the next one may not be there.
    const auto in_page = 4096 - address % 4096;
    iovec local{chunk.data(), std::min<std::size_t>(chunk.size(), in_page)};
    iovec remote{reinterpret_cast<void*>(address), local.iov_len};
    const auto count = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (count <= 0) break;
    const std::string_view part{chunk.data(), static_cast<std::size_t>(count)};
    text += part.substr(0, part.find('\0'));
    if (part.find('\0') != std::string_view::npos) break;
    address += static_cast<unsigned long long>(count);
  }
  return text;
}

std::string subject_of_fd(pid_t pid, unsigned long long fd) {
  const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(fd));
  std::array<char, PATH_MAX> path{};
  const auto length = ::readlink(link.c_str(), path.data(), path.size());
  return length < 0 ? "" : std::string(path.data(), static_cast<std::size_t>(length));
}

bool is_file(const std::string& subject) {
  return subject.starts_with('/') && !subject.starts_with("/dev/") &&
         !subject.starts_with("/proc/");
}

bool may_create(unsigned long long flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

unsigned long long flags_in_how(pid_t pid, unsigned long long address) {
  unsigned long long flags = 0;
  iovec local{&flags, sizeof flags};
  iovec remote{reinterpret_cast<void*>(address), sizeof flags};
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof flags ? flags : 0;
}

// The subject of a call that changes something; nothing if it does not.
std::optional<std::string> change(pid_t pid, Kind kind, const Arguments& arguments) {
  const auto if_file = [&](unsigned long long fd) -> std::optional<std::string> {
    auto subject = subject_of_fd(pid, fd);
    if (!is_file(subject)) return std::nullopt;
    return subject;
  };
  const auto if_creates = [&](unsigned long long flags,
                              unsigned long long path) -> std::optional<std::string> {
    auto subject = text_at(pid, path);
    if (!may_create(flags) || subject.starts_with("/dev/")) return std::nullopt;
    return subject;
  };
  switch (kind) {
    case Kind::path:
      return text_at(pid, arguments[0]);
    case Kind::at_path:
      return text_at(pid, arguments[1]);
    case Kind::fd:
      return subject_of_fd(pid, arguments[0]);
    case Kind::write_fd:
      return if_file(arguments[0]);
    case Kind::send_to:
      return if_file(arguments[0]);
    case Kind::copy_to:
      return if_file(arguments[2]);
    case Kind::splice_to:
      return if_file(arguments[2]);
    case Kind::open_path:
      return if_creates(arguments[1], arguments[0]);
    case Kind::open_at:
      return if_creates(arguments[2], arguments[1]);
    case Kind::open_how:
      return if_creates(flags_in_how(pid, arguments[2]), arguments[1]);
    case Kind::map_sync:
      return "";
  }
  return std::nullopt;
}

[[noreturn]] void become(const TracedProgram& program) {
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
    ::execve(argv[0], argv.data(), environment.data());
  }
  ::_exit(126);
}

class Tracer {
 public:
  Tracer(const TracedProgram& program, unsigned nth, Victim victim, Counted counted)
      : nth_{nth}, victim_{victim}, counted_{counted} {
    for (const auto& row : kCalls)
      calls_.emplace(row.number, row);
    first_ = ::fork();
    if (first_ < 0) throw failed("fork");
    if (first_ == 0) become(program);
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
                              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
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
    if (signal == (SIGTRAP | 0x80)) return at_system_call(pid);
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
    if (got > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY && counts(pid)) {
      const auto row = calls_.find(static_cast<long>(info.entry.nr));
      if (row != calls_.end() && is_the_one(pid, row->second, info)) return strike(pid);
    }
    resume(pid, 0);
  }

  [[nodiscard]] bool counts(pid_t pid) const {
    return !cut_.reached && (counted_ == Counted::everybody || process_of(pid) == first_);
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

  bool is_the_one(pid_t pid, const Row& row, const __ptrace_syscall_info& info) {
    Arguments arguments{};
    for (std::size_t i = 0; i < arguments.size(); ++i)
      arguments.at(i) = info.entry.args[i];
    const auto subject = change(pid, row.kind, arguments);
    if (!subject || ++cut_.calls != nth_) return false;
    cut_.reached = true;
    cut_.call = row.name;
    cut_.subject = *subject;
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
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, static_cast<long>(signal));
  }

  unsigned nth_;
  Victim victim_;
  Counted counted_;
  pid_t first_ = -1;
  std::map<long, Row> calls_;
  std::set<pid_t> alive_;
  std::set<pid_t> just_born_;
  std::set<pid_t> released_;
  Cut cut_;
};

}  // namespace

bool Cut::exited_with(int code) const {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == code;
}

Cut run_and_cut(const TracedProgram& program, unsigned nth, Victim victim, Counted counted) {
  return Tracer{program, nth, victim, counted}.run();
}

}  // namespace patchbay::testing
