#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

/// Child processes. Boost.Process stays inside launch.cpp; the kernel must be Linux 5.11 or later
/// (pidfd_open, close_range with CLOSE_RANGE_CLOEXEC): docs/adr.
namespace patchbay::os {

enum class Stream : std::uint8_t { out, err };

/// Called for every complete line of a child's output, without its line end, on the thread that
/// waits for the child. Lines longer than Command::max_line arrive in pieces. The bytes are the
/// child's: not checked for UTF-8.
using LineSink = std::function<void(Stream stream, std::string_view line)>;

/// What to run. The child gets /dev/null as standard input, pipes as standard output and error, a
/// process group of its own, and none of our descriptors above 2 but those in `descriptors`. It is
/// killed when the thread that started it ends: start children on a thread that outlives them.
struct Command {
  std::string program;                   ///< absolute path; also argv[0]
  std::vector<std::string> arguments;    ///< argv[1...]
  std::vector<std::string> environment;  ///< "KEY=value", the whole of it
  std::string working_directory;         ///< empty: ours
  struct PassedDescriptor {
    int ours;    ///< an open descriptor; stays ours
    int theirs;  ///< its number in the child, 3 or more
  };
  std::vector<PassedDescriptor> descriptors;
  std::chrono::milliseconds grace{std::chrono::seconds{10}};  ///< between SIGTERM and SIGKILL
  std::size_t max_line = 4096;         ///< bytes a line may have before it is split
  std::size_t max_output = 64 * 1024;  ///< bytes of standard output kept in Exit::output
};

/// This process's own environment, for a child that is to have all of it.
std::vector<std::string> own_environment();

struct Exit {
  enum class Kind : std::uint8_t { code, signal, timeout };
  Kind kind = Kind::code;
  int value = 0;       ///< exit code, or signal number (also of the signal after a timeout)
  std::string output;  ///< first max_output bytes of standard output
  bool output_truncated = false;  ///< there was more

  [[nodiscard]] bool success() const { return kind == Kind::code && value == 0; }
  /// "exit code 3", "killed by signal 11 (Segmentation fault)", "timed out".
  [[nodiscard]] std::string describe() const;
};

/// A running child. Whoever holds it must call finish() or terminate(); the destructor kills the
/// group and reaps. One thread.
class Process {
 public:
  /// Errors: not_found (no such program, or its interpreter), denied (not executable), unsupported
  /// (neither a program for this machine nor a script), invalid_input (a relative path, a NUL), io
  /// (pipe or fork failed). An ignored SIGCHLD is set back to its default: exit codes are needed.
  static Result<Process> start(const Command& command, LineSink sink = {});

  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  enum class Wake : std::uint8_t { exited, ready, deadline };
  /// Waits until the child has exited, `fd` (-1: none) is ready for `events` of poll(2) (also on
  /// POLLERR and POLLHUP), or the deadline passes, and passes on output meanwhile. The child is
  /// reaped when `exited` is returned. When several hold, `exited` wins over `ready`.
  Result<Wake> wait(int fd, short events, Deadline deadline);

  /// Waits for the end. At the deadline the whole group gets SIGTERM, then SIGKILL after
  /// Command::grace; the child is always reaped. When a grandchild keeps the pipes open after the
  /// child has exited, output already written is still collected and the pipes are then dropped:
  /// a daemon that the child leaves behind neither holds us up nor is it killed.
  Result<Exit> finish(Deadline deadline);

  /// SIGTERM now, SIGKILL after the grace; reaps.
  Result<Exit> terminate();

  [[nodiscard]] int pid() const;

 private:
  struct State;
  explicit Process(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What starting `program` is bound to fail with, without doing so: a script whose interpreter is
/// missing, a program of another machine, an empty file. Success promises nothing.
Status check_program(const std::string& program);

/// Runs a command to its end. A non-zero exit or a timeout is not an error here: the Exit says so.
Result<Exit> run(const Command& command, Deadline deadline, LineSink sink = {});

}  // namespace patchbay::os
