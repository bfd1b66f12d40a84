#include <cstdio>
#include <exception>

#include "sdk/artifact/commands.hpp"

int main(int argc, char** argv) {
  try {
    return patchbay::artifact_tool::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "patchbay-artifact: internal error: %s\n", problem.what());
    return 1;
  }
}
