#include "sdk/artifact/age.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/image_tools.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr int kInput = 3;
constexpr int kPipeCapacity = 1024 * 1024;

struct Pipe {
  UniqueFd reader, writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno(errno, "make a pipe");
  Pipe pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
  ::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK);
  // Refused to users over their share of pipe memory; the default works too, only slower.
  static_cast<void>(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeCapacity));
  // An age that has ended is told by what it said, not by our own end.
  ::signal(SIGPIPE, SIG_IGN);
  return pipe;
}

}  // namespace

Result<std::unique_ptr<Age>> Age::start(std::vector<std::string> options,
                                        const std::string& output) {
  PB_TRY(const std::string program, find_program("age", "age"));
  PB_TRY(Pipe pipe, make_pipe());
  // There before age begins, readable by nobody else: it may become what was encrypted.
  PB_CHECK(make_file(output, 0600));
  os::Command command;
  command.program = program;
  command.arguments = std::move(options);
  for (const std::string& word :
       {std::string{"--output"}, output, "/dev/fd/" + std::to_string(kInput)})
    command.arguments.push_back(word);
  command.environment = os::own_environment();
  command.descriptors.push_back({pipe.reader.get(), kInput});
  std::unique_ptr<Age> age{new Age};
  const auto listen = [said = &age->complaint_](os::Stream, std::string_view line) {
    // age closes with a line for those who make it.
    const bool is_advice = line.find("report unexpected or unhelpful") != std::string_view::npos;
    if (!line.empty() && !is_advice) *said = line;
  };
  PB_TRY(auto process, os::Process::start(command, listen));
  age->process_ = std::make_unique<os::Process>(std::move(process));
  age->input_ = std::move(pipe.writer);
  return age;
}

Status Age::write(ByteSpan bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(input_.get(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EPIPE) return ended_early();
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno(errno, "write to age");
    PB_TRY(const auto wake, process_->wait(input_.get(), POLLOUT, Deadline::never()));
    if (wake == os::Process::Wake::exited) return ended_early();
  }
  return Done{};
}

Status Age::finish() {
  input_.reset();
  PB_TRY(const os::Exit exit, process_->finish(Deadline::never()));
  if (!exit.success()) return failure(exit);
  return Done{};
}

Error Age::ended_early() {
  auto finished = finish();
  if (!finished) return std::move(finished).error();
  return Error{ErrorCode::io, "age has not read everything"};
}

Error Age::failure(const os::Exit& exit) const {
  return Error{ErrorCode::invalid_input,
               complaint_.empty() ? "age: " + exit.describe() : printable(complaint_)};
}

}  // namespace patchbay::artifact_tool
