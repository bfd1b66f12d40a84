#include "core/app/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <iostream>

#include "core/app/config/spelling.hpp"
#include "core/app/version.hpp"
#include "core/base/bytes.hpp"
#include "core/flow/updater.hpp"

namespace patchbay::app {
namespace {

constexpr std::size_t kCloseSpelling = 2;  // letters apart

struct LevelName {
  std::string_view name;
  LogLevel level;
};
constexpr std::array kLevels{
    LevelName{"trace", LogLevel::trace},  LevelName{"debug", LogLevel::debug},
    LevelName{"info", LogLevel::info},    LevelName{"warning", LogLevel::warning},
    LevelName{"warn", LogLevel::warning}, LevelName{"error", LogLevel::error},
    LevelName{"fatal", LogLevel::error},  LevelName{"panic", LogLevel::error}};

std::optional<LogLevel> level_of(std::string_view name) {
  const auto* found = std::find_if(kLevels.begin(), kLevels.end(),
                                   [&](const LevelName& level) { return level.name == name; });
  if (found == kLevels.end()) return std::nullopt;
  return found->level;
}

void add_global_options(CLI::App& app, Options& options) {
  app.add_option("-c,--config", options.config, "Main configuration file")->type_name("FILE");
  app.add_option("-b,--fallback-config", options.fallback_config,
                 "Configuration read first, overridden by the main one")
      ->type_name("FILE");
  app.add_option("-d,--datastore,--data", options.datastore, "Directory of the device's data")
      ->type_name("DIR");
  app.add_option("-L,--log-file", options.log_file, "Write the log there, not to standard error")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "-l,--log-level",
         [&options](const std::string& name) {
           options.log_level = level_of(name);
           if (!options.log_level) {
             throw CLI::ValidationError("--log-level", "\"" + name +
                                                           "\" is none of trace, debug, info, "
                                                           "warning, error, fatal");
           }
         },
         "trace, debug, info, warning, error")
      ->type_name("LEVEL");
  app.add_option("-E,--trusted-certs", options.trusted_certificates,
                 "PEM file of certificates trusted besides the system's")
      ->type_name("FILE");
  app.add_flag("--skipverify", options.skip_verify, "Do not check TLS certificates");
}

CLI::App& add_command(CLI::App& app, const char* name, const char* description) {
  return *app.add_subcommand(name, description)->fallthrough();
}

void add_stop_before(CLI::App& command, Options& options) {
  command
      .add_option_function<std::vector<std::string>>(
          "--stop-before",
          [&options](const std::vector<std::string>& names) {
            const auto known = flow::stop_names();
            for (const std::string& name : names) {
              if (std::find(known.begin(), known.end(), name) == known.end()) {
                std::string all;
                for (const std::string& state : known)
                  all += " " + state;
                throw CLI::ValidationError("--stop-before", "\"" + name + "\" is none of" + all);
              }
              options.stop_before.insert(name);
            }
          },
          "Stop in front of this state; repeatable")
      ->type_name("STATE")
      ->allow_extra_args(false);
}

void add_reboot_exit_code(CLI::App& command, Options& options) {
  command.add_flag(
      "--reboot-exit-code", options.reboot_exit_code,
      "Exit with 4 when a payload asks for a reboot (always so under the name patchbay)");
}

void add_update_commands(CLI::App& app, Options& options) {
  auto& install = add_command(app, "install", "Install an artifact");
  install.add_option("SOURCE", options.source, "File, URL (http, https) or - for standard input")
      ->required();
  add_stop_before(install, options);
  add_reboot_exit_code(install, options);
  auto& commit = add_command(app, "commit", "Keep the update that waits for it");
  add_stop_before(commit, options);
  auto& rollback = add_command(app, "rollback", "Undo the update that waits");
  add_stop_before(rollback, options);
  auto& resume = add_command(app, "resume", "Go on with an update that was interrupted or stopped");
  add_stop_before(resume, options);
  add_reboot_exit_code(resume, options);
  add_command(app, "show-artifact", "Print the name of the installed artifact");
  add_command(app, "show-provides", "Print everything the device provides, key=value");
  if (options.face != Face::patchbay) return;
  install.add_flag("--unattended", options.unattended,
                   "Reboot when a payload asks for it and commit without waiting");
  install.add_flag("--strict", options.strict,
                   "Refuse artifacts with a payload that cannot be rolled back");
}

void add_patchbay_commands(CLI::App& app, Options& options) {
  app.add_flag("--json", options.json, "Print results as JSON on standard output");
  add_command(app, "status", "What is installed, what is pending, what the last update did");
  auto& plan = add_command(app, "plan", "What installing an artifact would do; touches nothing");
  plan.add_option("SOURCE", options.source, "File, URL (http, https) or - for standard input")
      ->required();
  auto& config = add_command(app, "config", "The configuration");
  config.require_subcommand(1);
  add_command(config, "show", "Every key with its value and where it came from");
  add_command(config, "check", "Errors and doubtful entries; exit code 1 when there are errors");
}

/// What Mender's client up to 3.x took beside.
void add_old_mender_options(CLI::App& app, Options& options) {
  add_command(app, "bootstrap", "Make the key by which servers know the device, if there is none");
  app.add_flag("--no-syslog")->description("No effect");
  app.add_flag("-F,--forcebootstrap")->description("No effect");
  app.add_option("--passphrase-file", options.pass_phrase_file,
                 "Pass phrase of an encrypted key of the device; - for standard input")
      ->type_name("FILE");
}

void add_server_commands(CLI::App& app) {
  add_command(app, "daemon", "Do what the configured server orders, until a signal ends it");
  add_command(app, "check-update", "Have the daemon look for a deployment now");
  add_command(app, "send-inventory", "Have the daemon report the inventory now");
}

std::string command_of(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return "";
  const std::string inner = command_of(*chosen.front());
  return chosen.front()->get_name() + (inner.empty() ? "" : " " + inner);
}

/// Whether the value of this option is the next word.
bool takes_next(const CLI::App& app, const std::string& word) {
  const bool is_long = word.starts_with("--");
  const CLI::Option* option = app.get_option_no_throw(is_long ? word : word.substr(0, 2));
  return option != nullptr && option->get_items_expected_max() > 0 && (is_long || word.size() == 2);
}

/// In the order in which the parser takes them, the last one first. `patchbay help install` is
/// `patchbay install --help`, also behind options of all commands.
std::vector<std::string> arguments_of(const CLI::App& app, int argc, const char* const* argv,
                                      Face face) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  auto word = arguments.begin();
  while (word != arguments.end() && word->starts_with('-'))
    word += takes_next(app, *word) && word + 1 != arguments.end() ? 2 : 1;
  if (face == Face::patchbay && word != arguments.end() && *word == "help") {
    arguments.erase(word);
    arguments.emplace_back("--help");
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

enum class Mistake : std::uint8_t { unknown_command, other };

int usage_code(Face face, Mistake mistake) {
  if (face == Face::patchbay) return exit_code::kUsage;
  return face == Face::mender && mistake == Mistake::unknown_command ? 3 : 1;
}

/// A word where a command was expected, and none that we know.
Mistake kind_of(const CLI::App& app) {
  const auto unknown = app.remaining();
  const bool is_command =
      app.get_subcommands().empty() && !unknown.empty() && !unknown.front().starts_with('-');
  return is_command ? Mistake::unknown_command : Mistake::other;
}

/// The innermost command of the line.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

/// "there is no command "commt"; is "commit" meant?", or the commands there are.
std::string no_such_command(const CLI::App& app, const std::string& word) {
  std::string nearest;
  std::string all;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string& name = command->get_name();
    all += " " + name;
    if (nearest.empty() || edit_distance(name, word) < edit_distance(nearest, word)) nearest = name;
  }
  const bool close = edit_distance(nearest, word) <= kCloseSpelling;
  return "there is no command \"" + printable(word, 80) + "\"" +
         (close ? "; is \"" + nearest + "\" meant?" : "; the commands are:" + all);
}

/// What was wrong, for people. A word that is no command is the mistake, whatever else is missing.
std::string in_words(const CLI::App& app, const CLI::Error& mistake) {
  const CLI::App& command = innermost(app);
  // What a command does not know falls through to the whole.
  const auto left = app.remaining();
  const bool takes_commands = !command.get_subcommands(nullptr).empty();
  const bool is_word = !left.empty() && !left.front().starts_with('-');
  return takes_commands && is_word ? no_such_command(command, left.front()) : mistake.what();
}

ExitNow explain_mistake(const CLI::App& app, const CLI::Error& mistake, Face face) {
  if (face == Face::patchbay) {
    const std::string name = command_of(app);
    const std::string program = name.empty() ? "patchbay" : "patchbay " + name;
    std::cerr << program << ": " << in_words(app, mistake) << "\nTry '" << program << " --help'.\n";
  } else {
    std::cout << app.help();
    std::cerr << "Could not fulfill request: " << mistake.what() << "\n";
  }
  return ExitNow{usage_code(face, kind_of(app))};
}

}  // namespace

Face face_of(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name == "mender-update") return Face::mender_update;
  if (name == "mender") return Face::mender;
  return Face::patchbay;
}

std::variant<Options, ExitNow> parse_command_line(int argc, const char* const* argv) {
  Options options;
  options.face = face_of(argc > 0 ? argv[0] : "");
  CLI::App app{"Installs update artifacts, through update modules, all or nothing.",
               options.face == Face::patchbay ? "patchbay" : "mender-update"};
  bool print_version = false;
  app.add_flag("-v,--version", print_version, "Print the version");
  add_global_options(app, options);
  add_update_commands(app, options);
  add_server_commands(app);
  if (options.face == Face::patchbay) add_patchbay_commands(app, options);
  if (options.face == Face::mender) add_old_mender_options(app, options);
  if (options.face == Face::patchbay) {
    for (CLI::App* command : app.get_subcommands(nullptr))
      command->footer("Options of all commands: patchbay --help");
  }
  try {
    app.parse(arguments_of(app, argc, argv, options.face));
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return ExitNow{0};
  } catch (const CLI::Error& mistake) {
    return explain_mistake(app, mistake, options.face);
  }
  if (print_version) {
    std::cout << (options.face == Face::patchbay ? "patchbay " : "") << kVersion << "\n";
    return ExitNow{0};
  }
  options.command = command_of(app);
  if (options.command.empty()) {
    std::cout << app.help();
    return ExitNow{options.face == Face::mender ? 0 : usage_code(options.face, Mistake::other)};
  }
  return options;
}

}  // namespace patchbay::app
