#include "patchbay/run.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "patchbay/child.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"

namespace patchbay::module {
namespace {

constexpr std::chrono::seconds kGrace{5};
constexpr std::size_t kOutputLimit = 1024 * 1024;

// Files in memory rather than pipes: neither side can ever wait for the other.
struct Files {
  Fd input;   ///< none: /dev/null
  Fd output;  ///< none: the log
};

Result<Fd> file_in_memory(std::string_view content) {
  Fd fd{::memfd_create("patchbay", MFD_CLOEXEC)};
  if (!fd) return Error::from_errno(errno, "make a file in memory");
  while (!content.empty()) {
    const auto written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write to a file in memory");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

Result<Files> files_for(const Program& program) {
  Files files;
  if (!program.input.empty()) {
    PATCHBAY_TRY(files.input, file_in_memory(program.input));
  }
  if (program.output == Program::Output::capture) {
    PATCHBAY_TRY(files.output, file_in_memory({}));
  }
  return files;
}

/// Not more than the limit, and no memory for more than there is.
std::string content_of(const Fd& file) {
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return {};
  std::string content(std::min(static_cast<std::size_t>(about.st_size), kOutputLimit), '\0');
  const auto count = ::pread(file.get(), content.data(), content.size(), 0);
  content.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return content;
}

// -1: without limit
int milliseconds_left(std::optional<std::chrono::steady_clock::time_point> end) {
  if (!end) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*end - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

enum class Waited : std::uint8_t { ended, too_long };

Waited wait_for(int pidfd, std::optional<std::chrono::milliseconds> limit) {
  std::optional<std::chrono::steady_clock::time_point> end;
  if (limit) end = std::chrono::steady_clock::now() + *limit;
  while (true) {
    pollfd wanted{pidfd, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, milliseconds_left(end));
    if (ready > 0) return Waited::ended;
    if (ready == 0) return Waited::too_long;
  }
}

ProgramExit supervise(Child& child, const Program& program) {
  const auto limit = program.time_limit;
  if (!limit && !program.meanwhile) return child.reap();
  const int ended = child.ended();
  if (ended >= 0 && program.meanwhile) {
    program.meanwhile(ended);
    return child.reap();
  }
  if (ended < 0 || wait_for(ended, limit) == Waited::ended) return child.reap();
  ::kill(child.pid(), SIGTERM);
  if (wait_for(ended, kGrace) == Waited::too_long) ::kill(child.pid(), SIGKILL);
  auto exit = child.reap();
  exit.kind = ProgramExit::Kind::timeout;
  return exit;
}

}  // namespace

std::string ProgramExit::describe() const {
  switch (kind) {
    case Kind::code:
      return "exit code " + std::to_string(value);
    case Kind::signal:
      return "killed by signal " + std::to_string(value) + " (" + ::strsignal(value) + ")";
    case Kind::timeout:
      return "did not end in time and was killed";
  }
  return "";
}

Result<ProgramExit> run(const Program& program) {
  PATCHBAY_TRY(const auto files, files_for(program));
  PATCHBAY_TRY(auto child,
               Child::start({.path = program.path,
                             .arguments = program.arguments,
                             .working_directory = program.working_directory,
                             .input = files.input.get(),
                             .output = files.output ? files.output.get() : STDERR_FILENO}));
  auto exit = supervise(child, program);
  exit.output = content_of(files.output);
  return exit;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::optional<std::string> find_program(const std::string& name) {
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : variable;
  while (!path.empty()) {
    const auto directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    auto candidate = join_path(directory, name);
    if (directory.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace patchbay::module
