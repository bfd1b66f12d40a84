#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <optional>

#include "core/app/commands.hpp"
#include "core/app/logging.hpp"
#include "core/host/module_host.hpp"

namespace patchbay::app {
namespace {

struct Command {
  std::string_view name;
  int (*run)(const Session& session);
  std::optional<Request> request;  ///< of the commands that change the device
  bool undoes = false;             ///< is of use on a device where an update can only be undone
};

constexpr std::array kCommands{
    Command{"install", install, Request::install},
    Command{"commit", commit, Request::commit, true},
    Command{"rollback", roll_back, Request::rollback, true},
    Command{"resume", resume, Request::resume, true},
    Command{"daemon", daemon, std::nullopt, true},
    Command{"check-update", check_update, std::nullopt},
    Command{"send-inventory", send_inventory, std::nullopt},
    Command{"bootstrap", make_key, std::nullopt},
    Command{"show-artifact", show_artifact, std::nullopt},
    Command{"show-provides", show_provides, std::nullopt},
    Command{"status", status, std::nullopt},
    Command{"plan", plan, std::nullopt},
    Command{"config show", show_config, std::nullopt},
};

int run_command(const Options& options, Log& log, Presenter& presenter) {
  if (options.command == "config check") return check_config(options);
  const auto* command =
      std::find_if(kCommands.begin(), kCommands.end(),
                   [&](const Command& candidate) { return candidate.name == options.command; });
  if (command == kCommands.end()) {
    return presenter.failed(Error{ErrorCode::internal, "nothing does \"" + options.command + "\""});
  }
  const auto device = Device::open(options, log);
  if (device) return command->run(Session{options, *device, log, presenter});
  const Error& why = device.error();
  const auto as_begun = command->undoes ? Device::open_as_begun(options, why, log) : std::nullopt;
  if (as_begun) {
    log.warning(why.message() + "; going by the configuration that the update has begun with");
    return command->run(Session{options, *as_begun, log, presenter});
  }
  return command->request ? presenter.refused(*command->request, why) : presenter.failed(why);
}

}  // namespace

int run(int argc, const char* const* argv) {
  // Not a command for people: before anything reads options or configuration.
  if (argc > 1 && argv[1] == std::string_view{host::kModuleHostCommand}) {
    return host::run_module_host(argc, argv);
  }
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
