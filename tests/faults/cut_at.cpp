// patchbay-cut-at REPORT NTH client|children|crash[+sockets] PROGRAM ARGUMENT...
//
// Runs the program and ends it and everything it has started just before the NTH call that changes
// something, counted over the program's own calls (client), or over those of its children. With
// crash, only the program itself is ended, at a call of its children. With +sockets, requests over
// sockets count as changes, and the first wait after each. NTH 0 only counts. Writes
// one line to REPORT: "reached calls exit-code call subject"; the exit code of a program that was
// cut is -9. Environment, working directory and standard output are handed on.

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string_view>

#include "tests/support/kill_at_syscall.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace patchbay::testing {
namespace {

constexpr int kUsage = 64;
constexpr int kCannotTrace = 77;

int exit_code_of(const Cut& cut) {
  return WIFEXITED(cut.wait_status) ? WEXITSTATUS(cut.wait_status) : -WTERMSIG(cut.wait_status);
}

int cut_at(int argc, char** argv) {
  constexpr int kProgramAt = 4;
  if (argc <= kProgramAt) return kUsage;
  TracedProgram program;
  program.argv.assign(argv + kProgramAt, argv + argc);
  for (char** entry = environ; *entry != nullptr; ++entry)
    program.environment.emplace_back(*entry);
  program.output = "/dev/stdout";
  const auto nth = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  std::string_view who{argv[3]};
  const auto plus = who.find("+sockets");
  const auto reach = plus == std::string_view::npos ? Reach::files : Reach::and_sockets;
  who = who.substr(0, plus);
  const auto counted = who == "client" ? Counted::first_process : Counted::children;
  const auto victim = who == "crash" ? Victim::first_process : Victim::everybody;

  // After a crash, orphans come to us, and are waited for.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const Cut cut = run_and_cut(program, nth, victim, counted, reach);
  while (::waitpid(-1, nullptr, 0) > 0) {
  }

  std::ofstream report{argv[1]};
  report << cut.reached << ' ' << cut.calls << ' ' << exit_code_of(cut) << ' '
         << (cut.reached ? cut.call : "-") << ' ' << cut.subject << '\n';
  return 0;
}

}  // namespace
}  // namespace patchbay::testing

int main(int argc, char** argv) {
  try {
    return patchbay::testing::cut_at(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "patchbay-cut-at: " << problem.what() << '\n';
    return patchbay::testing::kCannotTrace;
  }
}
