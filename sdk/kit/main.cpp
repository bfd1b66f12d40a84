#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "core/host/module_host.hpp"
#include "sdk/kit/command_line.hpp"
#include "sdk/kit/walk.hpp"

int main(int argc, char** argv) {
  using namespace patchbay;
  (void)std::signal(SIGPIPE, SIG_IGN);
  try {
    if (argc > 1 && argv[1] == std::string_view{host::kModuleHostCommand})
      return host::run_module_host(argc, argv);
    if (argc == 6 && argv[1] == std::string_view{kit::kCallOnce})
      return kit::run_one_call(argv[2], argv[3], argv[4], argv[5]);
    return kit::run_command_line(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "patchbay-module: internal error: %s\n", problem.what());
    return 2;
  }
}
