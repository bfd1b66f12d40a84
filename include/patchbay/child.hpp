#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"
#include "patchbay/run.hpp"

namespace patchbay::module {

/// A program to start. The descriptors stay the caller's: until it closes those it has given away,
/// a pipe has no end.
struct ChildProgram {
  std::string path;                      ///< absolute; never looked up in PATH
  std::vector<std::string> arguments{};  ///< argv[1...]; no shell ever sees them
  std::string working_directory{};       ///< empty: this process's own
  int input = -1;                        ///< -1: /dev/null
  int output = -1;                       ///< -1: this process's own
  int error = -1;                        ///< -1: this process's own, the log
  /// `pass`: also what this process has open without O_CLOEXEC, such as the client's progress
  /// channel. `close`: nothing but those three (before Linux 5.11: of the numbers below this
  /// process's limit, RLIMIT_NOFILE, and below 65536).
  enum class Others : std::uint8_t { close, pass };
  Others others = Others::close;
};

/// A program that runs beside this process, which may feed it and read from it; run() is for those
/// that are only waited for. It stays in the process group, which the client ends as a whole, and
/// no signal is blocked in it. Not for two threads at once. The kernel kills it when the process
/// ends that has started it, or only the thread.
class Child {
 public:
  /// A text file without "#!" is run by /bin/sh. Errors are those of run(), and nothing runs then.
  static Result<Child> start(const ChildProgram& program);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills it with SIGKILL and waits for that, unless it has been reaped. What it has started
  /// itself is not hunted down.
  ~Child();

  /// For kill(2). 0: reaped, or moved away.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// A descriptor that poll() finds readable (POLLIN) once the program has ended. Open as long as
  /// this object. -1: the kernel has none (before Linux 5.3).
  int ended();
  /// Whether it has ended, or been reaped. Does not wait, and works on every kernel.
  [[nodiscard]] bool has_ended() const;
  /// Waits for its end, however long that takes. Once only; the output in it is empty.
  ProgramExit reap();

 private:
  explicit Child(pid_t pid) : pid_{pid} {}

  pid_t pid_;
  Fd ended_;  ///< none: not asked for yet
};

}  // namespace patchbay::module
