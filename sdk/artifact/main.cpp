#include <cstdio>
#include <exception>

#include "sdk/artifact/commands.hpp"

namespace {

/// What could not be printed was not done.
int checked(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::perror("patchbay-artifact: standard output");
  return code == 0 ? 1 : code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return checked(patchbay::artifact_tool::run(argc, argv));
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "patchbay-artifact: internal error: %s\n", problem.what());
    return 1;
  }
}
