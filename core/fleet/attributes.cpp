#include "core/fleet/attributes.hpp"

#include <algorithm>
#include <chrono>

#include "core/base/bytes.hpp"
#include "core/os/process.hpp"

namespace patchbay::fleet {
namespace {

constexpr auto kTimeLimit = std::chrono::seconds{10};
constexpr std::size_t kMostOutput = 256 * kKiB;

Error cannot_use(const std::string& program, const std::string& why) {
  return Error{ErrorCode::module_failed, program + ": " + why};
}

std::string in_parentheses(const std::string& complaint) {
  return complaint.empty() ? "" : " (" + printable(complaint) + ")";
}

}  // namespace

Result<Attributes> parse_attributes(std::string_view text) {
  Attributes attributes;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    const auto sign = line.find('=');
    if (sign == std::string_view::npos || sign == 0) {
      return Error{ErrorCode::invalid_input,
                   "the line \"" + printable(line, 80) + "\" is not of the form name=value"};
    }
    attributes[std::string{line.substr(0, sign)}].emplace_back(line.substr(sign + 1));
  }
  return attributes;
}

Result<Attributes> run_attribute_script(const std::string& program,
                                        const std::vector<std::string>& environment) {
  os::Command command;
  command.program = program;
  command.environment = environment;
  command.max_output = kMostOutput;
  std::string complaint;
  PB_TRY(const os::Exit exit, os::run(command, Deadline::after(kTimeLimit),
                                      [&](os::Stream stream, std::string_view line) {
                                        if (stream == os::Stream::err) complaint = line;
                                      }));
  if (!exit.success()) return cannot_use(program, exit.describe() + in_parentheses(complaint));
  if (exit.output_truncated) {
    return cannot_use(program, "prints more than " + human_size(kMostOutput));
  }
  return parse_attributes(exit.output).context(program);
}

}  // namespace patchbay::fleet
