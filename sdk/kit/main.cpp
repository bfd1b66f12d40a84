#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string_view>

#include "core/host/discovery.hpp"
#include "core/host/module_host.hpp"
#include "core/os/file.hpp"
#include "sdk/kit/check.hpp"
#include "sdk/kit/look.hpp"

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

void add_module(CLI::App& command, CheckOptions& options) {
  command.add_option("MODULE", options.module, "Executable or plugin")->required();
  command.add_option("--type", options.type, "Payload type; the file's name unless given");
}

void add_sample(CLI::App& command, CheckOptions& options) {
  auto* const payload =
      command.add_option("--payload", options.payload, "A payload file; may be repeated");
  auto* const meta = command.add_option("--meta", options.meta_data, "Meta-data, a JSON object");
  command.add_option("--artifact", options.artifact, "Take payload and meta-data from there")
      ->excludes(payload)
      ->excludes(meta);
}

int run(int argc, const char* const* argv) {
  CLI::App app{"Makes, checks and looks at update modules", "patchbay-module"};
  app.require_subcommand(1);
  CheckOptions options;
  options.repeat = command_line(argc, argv);
  bool json = false;
  std::string junit;
  unsigned limit = 10;
  std::vector<std::string> directories;

  auto* const checking = app.add_subcommand("check", "Run a module through every flow, safely");
  add_module(*checking, options);
  add_sample(*checking, options);
  checking->add_option("--only", options.only, "Play this case alone; may be repeated");
  checking->add_option("--call-limit", limit, "Seconds that a call may take")
      ->check(CLI::Range(1U, 86400U));
  checking->add_option("--keep", options.keep, "Keep what each case has changed in this directory")
      ->check(CLI::ExistingDirectory);
  checking->add_flag("--json", json, "Report as JSON");
  checking->add_option("--junit", junit, "Also write a report for CI there");
  auto* const listing = app.add_subcommand("list", "What a device would use, and what is shadowed");
  listing->add_option("DIRECTORY", directories, "Module directories instead of the usual ones");
  listing->add_flag("--json", json, "As JSON");
  auto* const describing = app.add_subcommand("describe", "What a module says of itself");
  add_module(*describing, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  options.call_limit = std::chrono::seconds{limit};
  if (*checking) {
    return run_check(options, json ? ReportFormat::json : ReportFormat::text, junit);
  }
  if (*listing) return list_modules(directories, json ? ReportFormat::json : ReportFormat::text);
  const auto shown = describe_module(options);
  return shown ? 0 : fail(shown.error());
}

}  // namespace
}  // namespace patchbay::kit

int main(int argc, char** argv) {
  using namespace patchbay;
  (void)std::signal(SIGPIPE, SIG_IGN);
  try {
    if (argc > 1 && argv[1] == std::string_view{host::kModuleHostCommand})
      return host::run_module_host(argc, argv);
    if (argc == 6 && argv[1] == std::string_view{kit::kCallOnce})
      return kit::run_one_call(argv[2], argv[3], argv[4], argv[5]);
    return kit::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "patchbay-module: internal error: %s\n", problem.what());
    return 2;
  }
}
