#pragma once

#include <string>
#include <vector>

#include "sdk/kit/changing_calls.hpp"

/// Power cuts for modules: runs a program and stops its life just before the N-th system call that
/// would change something.
///
/// The program and everything it starts (processes and threads) are traced with ptrace, and their
/// system calls counted as they come. A call counts if it changes what survives the process: files,
/// names, attributes, mounts, and what is durable of them (fsync and its like). Writing to pipes,
/// terminals and /dev/null does not count, nor does reading or mapping. Sockets count if that is
/// asked for: sending, but for HTTP's GET and HEAD, and the first wait after it, when the other
/// side is at work.
///
/// To try every cut, run with nth = 1, 2, 3, ... until `reached` is false: the program has then run
/// to its end.
namespace patchbay::kit {

struct TracedProgram {
  std::vector<std::string> argv;         ///< argv[0] is the program's path
  std::vector<std::string> environment;  ///< "KEY=value", the whole of it
  std::string working_directory;         ///< empty: ours
  std::string output;                    ///< file for both outputs; empty: /dev/null
};

/// Who dies. A power cut takes everybody; a crash takes the program, and its children live on.
enum class Victim { everybody, first_process };
/// Whose calls count.
enum class Counted { everybody, first_process, children };

struct Cut {
  bool reached = false;  ///< whether there was an N-th call, and it was prevented
  unsigned calls = 0;    ///< calls counted, the prevented one included
  std::string call;      ///< name of the prevented call: "renameat2"
  std::string subject;   ///< path it was about, as far as that is easy to tell
  int wait_status = 0;   ///< of the first process, as from waitpid(2)

  [[nodiscard]] bool exited_with(int code) const;
};

/// Kills at the `nth` call, counted from 1; 0 never kills, and counts. Blocks until everybody
/// traced has ended. Call it from one thread that waits for no other children meanwhile. Throws
/// std::runtime_error when tracing itself fails (a container may forbid it).
Cut run_and_cut(const TracedProgram& program, unsigned nth, Victim victim = Victim::everybody,
                Counted counted = Counted::everybody, Reach reach = Reach::files);

/// Runs it to its end, or until it reboots the machine, which it does not come to: `reached` tells.
/// `calls` counts whatever it did with Reach::anybody, of which the first is that it was started.
Cut run_to_reboot(const TracedProgram& program);

}  // namespace patchbay::kit
