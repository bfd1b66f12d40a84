#include "modules/firmware/steps.hpp"

#include <algorithm>

#include "patchbay/files.hpp"
#include "patchbay/run.hpp"

namespace patchbay::firmware {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::array kOwnValues{"image", "version", "size"};

// The first {NAME} of `text` from `at` on: where it begins, and the name. A brace that encloses no
// word is text.
struct Placeholder {
  std::size_t begin;
  std::string name;
};
std::optional<Placeholder> next_placeholder(const std::string& text, std::size_t at) {
  for (auto open = text.find('{', at); open != std::string::npos; open = text.find('{', open + 1)) {
    const auto close = text.find('}', open);
    if (close == std::string::npos) return std::nullopt;
    auto name = text.substr(open + 1, close - open - 1);
    if (is_word(name)) return Placeholder{open, std::move(name)};
  }
  return std::nullopt;
}

std::string value_of(const std::string& name, const Device& device, const Image& image) {
  if (name == "image") return image.path;
  if (name == "version") return image.version;
  if (name == "size") return std::to_string(image.size);
  const auto found = device.values.find(name);
  return found == device.values.end() ? std::string{} : found->second;
}

// What is put in is not looked at again.
std::string fill_in(std::string text, const Device& device, const Image& image) {
  auto place = next_placeholder(text, 0);
  while (place) {
    const auto value = value_of(place->name, device, image);
    text.replace(place->begin, place->name.size() + 2, value);
    place = next_placeholder(text, place->begin + value.size());
  }
  return text;
}

Result<std::string> find_program_of(const Command& command) {
  const auto& name = command.argv.front();
  if (name.starts_with('/')) {
    if (module::exists(name)) return name;
    return Error{name + " is not installed"};
  }
  if (auto path = module::find_program(name)) return *std::move(path);
  return Error{name + " is not installed"};
}

Result<module::ProgramExit> run(const Command& command, const Device& device, const Image& image,
                                module::Program::Output output) {
  module::Program program;
  PATCHBAY_TRY(program.path, find_program_of(command));
  for (std::size_t i = 1; i < command.argv.size(); ++i)
    program.arguments.push_back(fill_in(command.argv[i], device, image));
  program.working_directory = "/";
  program.time_limit = command.limit;
  program.output = output;
  PATCHBAY_TRY(auto exit, module::run(program));
  const bool coded = exit.kind == module::ProgramExit::Kind::code;
  if (exit.success() || (coded && exit.value == command.good_code)) return exit;
  return Error{module::base_name(program.path) + " for " + device.name + ": " + exit.describe()};
}

}  // namespace

bool is_own_value(const std::string& name) {
  return std::find(kOwnValues.begin(), kOwnValues.end(), name) != kOwnValues.end();
}

Status check_values(const Command& command, const Device& device) {
  for (const auto& argument : command.argv) {
    std::size_t at = 0;
    while (const auto place = next_placeholder(argument, at)) {
      if (!is_own_value(place->name) && !device.values.contains(place->name))
        return Error{"{" + place->name + "} is neither {image}, {version} or {size} nor a key of " +
                     "the device '" + device.name + "'"};
      at = place->begin + place->name.size() + 2;
    }
  }
  return Done{};
}

bool wants_image(const Command& command) {
  return std::any_of(command.argv.begin(), command.argv.end(), [](const auto& argument) {
    return argument.find("{image}") != std::string::npos;
  });
}

Status check_program(const Command& command) {
  PATCHBAY_CHECK(find_program_of(command));
  return Done{};
}

Status run_command(const Command& command, const Device& device, const Image& image) {
  PATCHBAY_CHECK(run(command, device, image, module::Program::Output::log));
  return Done{};
}

Result<std::string> output_of(const Command& command, const Device& device) {
  PATCHBAY_TRY(auto exit, run(command, device, {}, module::Program::Output::capture));
  return std::move(exit.output);
}

}  // namespace patchbay::firmware
