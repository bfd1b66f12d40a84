#include "sdk/artifact/command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

#include "core/base/result.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {
namespace {

/// One argument as CLI11 wants it: "-name" and "--n" become "--name" and "-n" where the option is
/// known, and a flag loses its "=true".
void add_in_our_spelling(const CLI::App& app, const std::string& argument,
                         std::vector<std::string>& out) {
  const std::size_t dashes = std::min(argument.find_first_not_of('-'), argument.size());
  if (dashes == 0 || dashes > 2 || dashes == argument.size()) {
    out.push_back(argument);
    return;
  }
  const std::size_t equals = argument.find('=');
  const std::string name = argument.substr(dashes, equals - dashes);
  const std::string option = (name.size() == 1 ? "-" : "--") + name;
  const CLI::Option* known = app.get_option_no_throw(option);
  if (known == nullptr) {
    out.push_back(argument);
    return;
  }
  if (equals == std::string::npos) {
    out.push_back(option);
    return;
  }
  const std::string value = argument.substr(equals + 1);
  if (known->get_items_expected_max() == 0) {
    if (value == "true") out.push_back(option);
    return;
  }
  out.push_back(option);
  out.push_back(value);
}

/// The help on one screen: no blank lines, a line an option, or a line for all that are told alike.
class CompactHelp final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = app->get_description() + "\n" + make_usage(app, name);
    if (mode == CLI::AppFormatMode::Sub) return text;
    while (text.ends_with("\n\n"))
      text.pop_back();
    for (const std::string& group : app->get_groups()) {
      const auto options = app->get_options([&](const CLI::Option* option) {
        return option->get_group() == group && option->nonpositional();
      });
      if (options.empty()) continue;
      text += group + ":\n";
      for (std::size_t i = 0; i < options.size();) {
        std::string names = options[i]->get_name(false, true);
        const CLI::Option& first = *options[i];
        while (++i < options.size() && told_alike(first, *options[i]))
          names += "," + options[i]->get_name(false, true);
        text += line_of(names, first);
      }
    }
    return text + "\n" + app->get_footer() + "\n";
  }

 private:
  static bool told_alike(const CLI::Option& one, const CLI::Option& other) {
    return one.get_description() == other.get_description() &&
           one.get_type_name() == other.get_type_name();
  }

  static std::string line_of(const std::string& names, const CLI::Option& option) {
    constexpr std::size_t kColumn = 38;
    std::string line = "  " + names;
    if (option.get_items_expected_max() > 0) line += " " + option.get_type_name();
    line.resize(std::max(line.size() + 2, kColumn), ' ');
    for (const char c : option.get_description()) {
      line += c;
      if (c == '\n') line += std::string(kColumn, ' ');
    }
    return line + "\n";
  }
};

std::vector<std::string> arguments_of(const CLI::App& app, const Call& call) {
  if (call.face == Face::patchbay) return call.arguments;
  std::vector<std::string> arguments;
  for (const std::string& argument : call.arguments)
    add_in_our_spelling(app, argument, arguments);
  return arguments;
}

/// An empty value is mostly a variable of a script that was not set, and would otherwise count as
/// if the option had not been given: an artifact without its key, or without its limit.
/// mender-artifact takes it for that.
Status check_no_empty_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    for (const std::string& value : option->results())
      if (value.empty())
        return Error{ErrorCode::invalid_input,
                     option->get_name() + " \"\": an empty value; leave the option out"};
  }
  return Done{};
}

}  // namespace

std::optional<int> parse(CLI::App& app, const Call& call, const std::string& example) {
  app.name(program_name(call.face) + " " + call.command);
  app.footer("Example:\n" + example);
  app.formatter(std::make_shared<CompactHelp>());
  // Given twice, the later one counts, as in scripts that append to the arguments of others.
  for (CLI::Option* option : app.get_options())
    if (option->get_items_expected_max() == 1) option->take_last();
  std::vector<std::string> arguments = arguments_of(app, call);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help() << std::flush;
    return 0;
  } catch (const CLI::Error& mistake) {
    if (call.face == Face::mender) std::cout << app.help() << std::flush;
    return fail(call, Outcome::usage, Error{ErrorCode::invalid_input, mistake.what()});
  }
  if (call.face == Face::mender) return std::nullopt;
  if (const auto sound = check_no_empty_values(app); !sound)
    return fail(call, Outcome::usage, sound.error());
  return std::nullopt;
}

}  // namespace patchbay::artifact_tool
