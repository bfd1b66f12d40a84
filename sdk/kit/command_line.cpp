#include "sdk/kit/command_line.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/kit/check.hpp"
#include "sdk/kit/look.hpp"
#include "sdk/kit/project.hpp"
#include "sdk/kit/trace.hpp"

namespace patchbay::kit {
namespace {

constexpr int kFindings = 1;
constexpr int kCouldNot = 2;
constexpr int kUsage = 64;

int fail(const Error& error) {
  std::cerr << "patchbay-module: " << error.message() << "\n";
  return kCouldNot;
}

/// The command line as it could be typed again, without --only.
std::string command_line(int argc, const char* const* argv) {
  std::string text = "patchbay-module";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word{argv[i]};
    if (word == "--only") {
      ++i;
      continue;
    }
    if (word.starts_with("--only=")) continue;
    const bool plain = word.find_first_of(" '\"$\\{}[]*?;&|<>()") == std::string_view::npos;
    std::string quoted;
    for (const char c : word)
      quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
    text += plain ? " " + std::string{word} : " '" + quoted + "'";
  }
  return text;
}

int run_check(const CheckOptions& options, ReportFormat format, const std::string& junit) {
  const auto report = check(options);
  if (!report) return fail(report.error());
  std::cout << (format == ReportFormat::json ? to_json(*report) : to_text(*report));
  if (!junit.empty()) {
    std::ofstream out{junit};
    out << to_junit(*report);
    if (!out.flush()) return fail(Error{ErrorCode::io, "cannot write " + junit});
  }
  return report->findings() == 0 ? 0 : kFindings;
}

int run_trace(const CheckOptions& options, const TraceOptions& wish, ReportFormat format) {
  const auto succeeded = trace(options, wish, format);
  if (!succeeded) return fail(succeeded.error());
  return *succeeded ? 0 : kFindings;
}

Language language_named(const std::string& name) {
  if (name == "c") return Language::c;
  if (name == "c++") return Language::cpp;
  return name == "sh" ? Language::sh : Language::python;
}

int run_new(const ProjectWish& wish) {
  const auto made = make_project(wish);
  if (!made) return fail(made.error());
  std::cout << *made;
  return 0;
}

/// What the commands share while their lines are read.
struct Line {
  CheckOptions options;
  TraceOptions traced;
  ProjectWish wish;
  std::string language;
  bool json = false;
  bool plugin = false;
  bool executable = false;
  std::string junit;
  unsigned limit = 10;
  std::vector<std::string> directories;

  [[nodiscard]] ReportFormat format() const {
    return json ? ReportFormat::json : ReportFormat::text;
  }
};

void add_module(CLI::App& command, Line& line) {
  command.add_option("MODULE", line.options.module, "Executable or plugin")->required();
  command.add_option("--type", line.options.type, "Payload type; the file's name unless given");
}

void add_sample(CLI::App& command, Line& line) {
  auto& options = line.options;
  auto* const payload =
      command.add_option("--payload", options.payload, "A payload file; may be repeated");
  auto* const meta = command.add_option("--meta", options.meta_data, "Meta-data, a JSON object");
  command.add_option("--artifact", options.artifact, "Take payload and meta-data from there")
      ->excludes(payload)
      ->excludes(meta);
  // One value each: what follows may be a call.
  payload->allow_extra_args(false);
}

void add_play(CLI::App& command, Line& line) {
  command.add_option("--call-limit", line.limit, "Seconds that a call may take")
      ->check(CLI::Range(1U, 86400U));
  command.add_option("--device", line.options.devices, "Let it use this device; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--socket", line.options.sockets,
                  "Let it use this socket of the real machine; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--ignore", line.options.ignored, "Changes there do not count; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--start", line.options.start_program,
                     "Run this when the machine starts, and after each reboot");
  command.add_option("--keep", line.options.keep, "Keep what was changed in this directory")
      ->check(CLI::ExistingDirectory);
  command.add_flag("--json", line.json, "Report as JSON");
}

CLI::App& add_new(CLI::App& app, Line& line) {
  auto& command = *app.add_subcommand("new", "Make a project for a module, ready to be checked");
  command.add_option("NAME", line.wish.type, "Payload type, and the directory to make")->required();
  command.add_option("--lang", line.language, "c, c++, sh or python")
      ->required()
      ->check(CLI::IsMember({"c", "c++", "sh", "python"}).description(""));
  auto* const plugin =
      command.add_flag("--plugin", line.plugin, "A shared object, for Patchbay; c or c++");
  command.add_flag("--executable", line.executable, "A program, for every client; the default")
      ->excludes(plugin);
  command.add_option("--templates", line.wish.templates, "Templates instead of the SDK's");
  return command;
}

CLI::App& add_check(CLI::App& app, Line& line) {
  auto& command = *app.add_subcommand("check", "Run a module through every flow, safely");
  add_module(command, line);
  add_sample(command, line);
  add_play(command, line);
  command.add_option("--only", line.options.only, "Play this case alone; may be repeated");
  command.add_option("--junit", line.junit, "Also write a report for CI there");
  return command;
}

CLI::App& add_run(CLI::App& app, Line& line) {
  auto& command = *app.add_subcommand("run", "Make calls of a module on a throw-away root");
  add_module(command, line);
  command.add_option("CALL", line.traced.calls, "Names as in the protocol, in order")->required();
  add_sample(command, line);
  add_play(command, line);
  return command;
}

CLI::App& add_trace(CLI::App& app, Line& line) {
  auto& command = *app.add_subcommand("trace", "Show each call of a whole update");
  add_module(command, line);
  command.add_option("ARTIFACT", line.options.artifact, "What is installed")->required();
  command.add_option("--fail-after", line.traced.fail_after, "Undo the update after this call");
  add_play(command, line);
  return command;
}

CLI::App& add_list(CLI::App& app, Line& line) {
  auto& command = *app.add_subcommand("list", "What a device would use, and what is shadowed");
  command.add_option("DIRECTORY", line.directories, "Module directories instead of the usual ones");
  command.add_flag("--json", line.json, "As JSON");
  return command;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  CLI::App app{"Makes, checks and looks at update modules", "patchbay-module"};
  app.require_subcommand(1);
  app.set_version_flag("-v,--version", "patchbay-module " PATCHBAY_VERSION);
  Line line;
  line.options.repeat = command_line(argc, argv);
  const auto& making = add_new(app, line);
  const auto& checking = add_check(app, line);
  const auto& running = add_run(app, line);
  const auto& tracing = add_trace(app, line);
  const auto& listing = add_list(app, line);
  auto* const describing = app.add_subcommand("describe", "What a module says of itself");
  add_module(*describing, line);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  line.options.call_limit = std::chrono::seconds{line.limit};
  line.wish.product = line.plugin ? Product::plugin : Product::executable;
  line.wish.language = language_named(line.language);
  if (making) return run_new(line.wish);
  if (checking) return run_check(line.options, line.format(), line.junit);
  if (running || tracing) return run_trace(line.options, line.traced, line.format());
  const auto shown =
      listing ? list_modules(line.directories, line.format()) : describe_module(line.options);
  return shown ? 0 : fail(shown.error());
}

}  // namespace patchbay::kit
