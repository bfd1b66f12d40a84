#include <sstream>

#include "modules/rootfs-image/boot_variables.hpp"

// fw_printenv and fw_setenv, and programs that speak like them.
namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Program;
using module::Result;
using module::Status;

// Long enough for the slowest flash; short enough that a tool that waits for ever is noticed.
constexpr std::chrono::seconds kPatience{60};

Variables parse(const std::string& text) {
  Variables variables;
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    const auto equals = line.find('=');
    if (equals != std::string::npos) variables[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return variables;
}

class ToolVariables final : public VariableStore {
 public:
  explicit ToolVariables(VariableTools tools) : tools_{std::move(tools)} {}

  [[nodiscard]] std::string name() const override {
    return (belongs_to_uboot() ? "U-Boot environment (" : "GRUB environment (") + tools_.print +
           ")";
  }
  [[nodiscard]] bool belongs_to_uboot() const override {
    return module::base_name(tools_.print).starts_with("fw_");
  }

  Result<Variables> read() override {
    PATCHBAY_TRY(const auto exit, run(tools_.print, {}));
    auto variables = parse(exit.output);
    if (!exit.success() || variables.empty())
      return Error{name() + " cannot be read: " + exit.describe() +
                   ", and nothing printed; is it where " +
                   (tools_.config.empty() ? "/etc/fw_env.config" : tools_.config) + " says?"};
    return variables;
  }

  // "-s -" writes all lines in one go: with a redundant environment that is one step.
  Status write(const Variables& variables) override {
    std::string lines;
    for (const auto& [variable, value] : variables)
      lines.append(variable).append("=").append(value).append("\n");
    PATCHBAY_TRY(const auto exit, run(tools_.set, lines));
    if (!exit.success()) return Error{tools_.set + ": " + exit.describe()};
    return Done{};
  }

 private:
  [[nodiscard]] Result<module::ProgramExit> run(const std::string& path,
                                                const std::string& input) const {
    Program program{.path = path, .time_limit = kPatience, .input = input};
    if (!tools_.config.empty()) program.arguments = {"-c", tools_.config};
    if (input.empty()) {
      program.output = Program::Output::capture;
    } else {
      program.arguments.insert(program.arguments.end(), {"-s", "-"});
    }
    return module::run(program);
  }

  VariableTools tools_;
};

}  // namespace

std::unique_ptr<VariableStore> variables_through(VariableTools tools) {
  return std::make_unique<ToolVariables>(std::move(tools));
}

}  // namespace patchbay::rootfs_image
