#include "sdk/artifact/image_tools.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "core/base/bytes.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr auto kLongest = std::chrono::minutes{30};
constexpr std::size_t kMostOutput = 64 * kMiB;

/// What a program may know: where the clock is not to show in the result, it stands still.
std::vector<std::string> environment() {
  std::vector<std::string> variables{"LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                     "MTOOLS_SKIP_CHECK=1"};
  const char* seconds = std::getenv("SOURCE_DATE_EPOCH");
  if (seconds != nullptr) variables.push_back("SOURCE_DATE_EPOCH=" + std::string{seconds});
  return variables;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& package) {
  const char* path = std::getenv("PATH");
  std::string directories = std::string{path != nullptr ? path : ""} + ":/usr/sbin:/sbin:";
  while (!directories.empty()) {
    const std::size_t end = directories.find(':');
    const std::string candidate = directories.substr(0, end) + "/" + name;
    directories.erase(0, end + 1);
    if (candidate.front() == '/' && candidate[1] != '/' && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return Error{ErrorCode::not_found,
               "the program " + name + " is missing; install the package " + package};
}

Result<Answer> run_program(const std::string& program, std::vector<std::string> arguments) {
  os::Command command;
  command.program = program;
  command.arguments = std::move(arguments);
  command.environment = environment();
  command.max_output = kMostOutput;
  Answer answer;
  const auto keep_errors = [&answer](os::Stream stream, std::string_view line) {
    if (stream != os::Stream::err || line.starts_with("debugfs ") || line.starts_with("e2fsck "))
      return;
    answer.errors += (answer.errors.empty() ? "" : "; ") + std::string{line};
  };
  PB_TRY(answer.exit, os::run(command, Deadline::after(kLongest), keep_errors));
  return answer;
}

}  // namespace patchbay::artifact_tool
