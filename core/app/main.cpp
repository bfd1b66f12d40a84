#include <cstdio>
#include <exception>

#include "core/app/commands.hpp"

int main(int argc, char** argv) {
  try {
    return patchbay::app::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "patchbay: internal error: %s\n", problem.what());
    return 1;
  }
}
