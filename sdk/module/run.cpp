#include "patchbay/run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr std::chrono::seconds kGrace{5};
constexpr std::size_t kOutputLimit = 1024 * 1024;

// Files in memory rather than pipes: neither side can ever wait for the other.
struct Files {
  Fd input;   ///< none: /dev/null
  Fd output;  ///< none: the log
};

Result<Fd> file_in_memory(std::string_view content) {
  Fd fd{::memfd_create("patchbay", MFD_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "make a file in memory");
  while (!content.empty()) {
    const auto written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write to a file in memory");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

Result<Files> files_for(const Program& program) {
  Files files;
  if (!program.input.empty()) {
    PATCHBAY_TRY(files.input, file_in_memory(program.input));
  }
  if (program.output == Program::Output::capture) {
    PATCHBAY_TRY(files.output, file_in_memory({}));
  }
  return files;
}

std::string content_of(const Fd& file) {
  std::string content(kOutputLimit, '\0');
  const auto count = file ? ::pread(file.get(), content.data(), content.size(), 0) : 0;
  content.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return content;
}

// Only calls that are safe between fork and exec. Reports what failed through `report`.
[[noreturn]] void become(const Program& program, char* const* argv, const Files& files, int report,
                         pid_t parent) {
  // The client ends a module by force when it dies itself. What the module has started must not
  // live on then: the next client would undo what is still being done.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int input = files.input ? files.input.get() : ::open("/dev/null", O_RDONLY);
  const int output = files.output ? files.output.get() : STDERR_FILENO;
  const bool ready =
      input >= 0 && ::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
      (program.working_directory.empty() || ::chdir(program.working_directory.c_str()) == 0);
  if (ready) {
    ::signal(SIGPIPE, SIG_DFL);
    ::syscall(SYS_close_range, 3U, ~0U, 1U << 2U /* CLOSE_RANGE_CLOEXEC */);
    ::execv(argv[0], argv);
    if (errno == ENOEXEC) {
      // argv has a free slot in front for the shell.
      auto** with_shell = const_cast<char**>(argv) - 1;
      static char shell[] = "/bin/sh";
      with_shell[0] = shell;
      ::execv(shell, with_shell);
    }
  }
  const int why = errno;
  [[maybe_unused]] const auto written = ::write(report, &why, sizeof why);
  ::_exit(127);
}

std::string first_line_of(const std::string& path) {
  auto text = read_file(path, 1024 * 1024);
  if (!text || !text->starts_with("#!")) return "";
  return text->substr(2, text->find('\n') - 2);
}

Error explain(int why, const Program& program) {
  const auto interpreter = first_line_of(program.path);
  if (why == ENOENT && !interpreter.empty())
    return Error{"run " + program.path + ": its interpreter '" + interpreter +
                 "' is missing on this device"};
  if (why == EACCES && ::access(program.path.c_str(), X_OK) != 0)
    return Error{"run " + program.path +
                 ": not executable; is its file system mounted with noexec?"};
  return Error::from_errno(why, "run " + program.path);
}

// -1: without limit
int milliseconds_left(std::optional<std::chrono::steady_clock::time_point> end) {
  if (!end) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*end - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

enum class Waited : std::uint8_t { ended, too_long };

Waited wait_for(int pidfd, std::optional<std::chrono::milliseconds> limit) {
  std::optional<std::chrono::steady_clock::time_point> end;
  if (limit) end = std::chrono::steady_clock::now() + *limit;
  while (true) {
    pollfd wanted{pidfd, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, milliseconds_left(end));
    if (ready > 0) return Waited::ended;
    if (ready == 0) return Waited::too_long;
  }
}

ProgramExit reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {ProgramExit::Kind::signal, WTERMSIG(status), {}};
  return {ProgramExit::Kind::code, WEXITSTATUS(status), {}};
}

ProgramExit supervise(pid_t pid, const Program& program) {
  const auto limit = program.time_limit;
  if (!limit && !program.meanwhile) return reap(pid);
  const Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))};
  if (pidfd && program.meanwhile) {
    program.meanwhile(pidfd.get());
    return reap(pid);
  }
  if (!pidfd || wait_for(pidfd.get(), limit) == Waited::ended) return reap(pid);
  ::kill(pid, SIGTERM);
  if (wait_for(pidfd.get(), kGrace) == Waited::too_long) ::kill(pid, SIGKILL);
  auto exit = reap(pid);
  exit.kind = ProgramExit::Kind::timeout;
  return exit;
}

}  // namespace

std::string ProgramExit::describe() const {
  switch (kind) {
    case Kind::code:
      return "exit code " + std::to_string(value);
    case Kind::signal:
      return "killed by signal " + std::to_string(value) + " (" + ::strsignal(value) + ")";
    case Kind::timeout:
      return "did not end in time and was killed";
  }
  return "";
}

Result<ProgramExit> run(const Program& program) {
  std::vector<char*> argv{nullptr};  // room for the shell
  argv.push_back(const_cast<char*>(program.path.c_str()));
  for (const auto& argument : program.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "make a pipe");
  const Fd reader{ends[0]};
  Fd writer{ends[1]};
  PATCHBAY_TRY(const auto files, files_for(program));
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(errno, "start " + program.path);
  if (pid == 0) become(program, argv.data() + 1, files, writer.get(), self);
  writer.reset();

  int why = 0;
  ssize_t count = 0;
  while ((count = ::read(reader.get(), &why, sizeof why)) < 0 && errno == EINTR) {
  }
  if (count == sizeof why) {
    reap(pid);
    return explain(why, program);
  }
  auto exit = supervise(pid, program);
  exit.output = content_of(files.output);
  return exit;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::optional<std::string> find_program(const std::string& name) {
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : variable;
  while (!path.empty()) {
    const auto directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    auto candidate = join_path(directory, name);
    if (directory.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace patchbay::module
