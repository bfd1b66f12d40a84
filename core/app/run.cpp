#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "core/app/commands.hpp"
#include "core/app/logging.hpp"

namespace patchbay::app {
namespace {

struct Command {
  std::string_view name;
  int (*run)(const Session& session);
};

constexpr std::array kCommands{
    Command{"install", install},
    Command{"commit", commit},
    Command{"rollback", roll_back},
    Command{"resume", resume},
    Command{"show-artifact", show_artifact},
    Command{"show-provides", show_provides},
    Command{"status", status},
    Command{"plan", plan},
    Command{"config show", show_config},
};

int run_command(const Options& options, Log& log, Presenter& presenter) {
  if (options.command == "config check") return check_config(options);
  const auto* command =
      std::find_if(kCommands.begin(), kCommands.end(),
                   [&](const Command& candidate) { return candidate.name == options.command; });
  if (command == kCommands.end()) {
    return presenter.failed(Error{ErrorCode::unsupported,
                                  options.command + " needs a server, and this version works "
                                                    "without one; use install with a file or URL"});
  }
  auto device = Device::open(options, log);
  if (!device) return presenter.failed(device.error());
  return command->run(Session{options, *device, log, presenter});
}

}  // namespace

int run(int argc, const char* const* argv) {
  // A module that stops reading its stream is an error of that module, not the end of the client.
  std::signal(SIGPIPE, SIG_IGN);
  const auto parsed = parse_command_line(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&parsed)) return exit->code;
  const Options& options = std::get<Options>(parsed);
  const auto presenter = make_presenter(options);
  const auto log = make_log(options);
  if (!log) return presenter->failed(log.error());
  return run_command(options, **log, *presenter);
}

}  // namespace patchbay::app
