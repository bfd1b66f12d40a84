#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::module {

/// A program to run.
struct Program {
  std::string path;                      ///< absolute; never looked up in PATH
  std::vector<std::string> arguments{};  ///< argv[1...]; no shell ever sees them
  std::string working_directory{};       ///< empty: the module's own, which is the work tree
  /// Nothing: as long as it takes. The client's own limit on the call ends it all the same, because
  /// the program stays in the module's process group.
  std::optional<std::chrono::milliseconds> time_limit{};
  std::string input{};  ///< what it reads on standard input; empty: /dev/null
  /// `capture`: standard output comes back in ProgramExit::output instead of going to the log.
  enum class Output : std::uint8_t { log, capture };
  Output output = Output::log;
  /// What this process does while the program runs, such as answering it. Gets a descriptor that
  /// poll() finds readable when the program has ended, and has to return then. Not together with a
  /// time limit.
  std::function<void(int ended)> meanwhile{};
};

struct ProgramExit {
  enum class Kind : std::uint8_t { code, signal, timeout };
  Kind kind = Kind::code;
  int value = 0;         ///< exit code, or signal number
  std::string output{};  ///< of a captured program, at most its first MiB

  [[nodiscard]] bool success() const { return kind == Kind::code && value == 0; }
  /// "exit code 3", "killed by signal 9 (Killed)", "did not end in time and was killed".
  [[nodiscard]] std::string describe() const;
};

/// Runs a program to its end. Both outputs go to the log (our standard error), unless captured. It
/// gets no other descriptor. After the time limit it gets SIGTERM, five seconds later SIGKILL;
/// processes it has started itself are not hunted down.
///
/// A text file without "#!" is run by /bin/sh, as a shell would do. A program that ends with a
/// failure is not an error here. Errors: missing, not executable, an interpreter that is missing;
/// the message says which.
Result<ProgramExit> run(const Program& program);

/// Lines without their ends, as of what a program has printed; no empty last one.
std::vector<std::string> lines_of(const std::string& text);

/// The absolute path of the program `name` in the directories of PATH, or nothing.
std::optional<std::string> find_program(const std::string& name);

}  // namespace patchbay::module
