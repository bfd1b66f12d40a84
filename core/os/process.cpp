#include "core/os/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/base/unique_fd.hpp"
#include "core/os/child_output.hpp"
#include "core/os/launch.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace patchbay::os {
namespace {

constexpr std::size_t kReadStep = 16 * 1024;

}  // namespace

std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    environment.emplace_back(*entry);
  return environment;
}

struct Process::State {
  State(const Command& command, LineSink line_sink, Launched child);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  struct Seen {
    bool exited;
    bool ready;
  };
  /// One poll(2): passes on what the child has printed, tells what else has happened.
  Result<Seen> poll_once(int fd, short events, Deadline deadline);
  std::size_t read_pipe(Stream stream);
  void drain(Stream stream);
  void signal_group(int number) const { ::kill(-child.pid, number); }
  void collect();
  Status stop_group();
  Exit conclude();

  std::chrono::milliseconds grace;
  LineSink sink;
  LineSplitter out_lines;
  LineSplitter err_lines;
  KeptOutput kept;
  Launched child;
  bool exited = false;        // says the pidfd; perhaps not reaped yet
  std::optional<int> status;  // from waitpid; set once the child is reaped
};

Process::State::State(const Command& command, LineSink line_sink, Launched launched)
    : grace{command.grace},
      sink{std::move(line_sink)},
      out_lines{Stream::out, command.max_line, sink},
      err_lines{Stream::err, command.max_line, sink},
      kept{command.max_output, {}},
      child{std::move(launched)} {
}

Process::State::~State() {
  if (status) return;
  signal_group(SIGKILL);
  collect();
}

void Process::State::collect() {
  if (!status) status = reap(child.pid);
}

/// Reads once; closes the pipe at its end. Returns the number of bytes; 0 when there is nothing
/// more for now.
std::size_t Process::State::read_pipe(Stream stream) {
  UniqueFd& pipe = stream == Stream::out ? child.out : child.err;
  LineSplitter& lines = stream == Stream::out ? out_lines : err_lines;
  std::array<char, kReadStep> buffer;
  const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    pipe.reset();
    return 0;
  }
  const std::string_view bytes{buffer.data(), static_cast<std::size_t>(got)};
  if (stream == Stream::out) kept.feed(bytes);
  lines.feed(bytes);
  return bytes.size();
}

/// Takes what a child that is gone has left in a pipe. No more than the pipe can hold: whoever
/// else has it open may go on writing for ever.
void Process::State::drain(Stream stream) {
  UniqueFd& pipe = stream == Stream::out ? child.out : child.err;
  const int capacity = pipe ? ::fcntl(pipe.get(), F_GETPIPE_SZ) : 0;
  auto left = static_cast<std::size_t>(std::max(capacity, 0));
  while (pipe && left > 0) {
    const auto got = read_pipe(stream);
    if (got == 0) break;
    left -= std::min(left, got);
  }
  pipe.reset();
  (stream == Stream::out ? out_lines : err_lines).flush();
}

Result<Process::State::Seen> Process::State::poll_once(int fd, short events, Deadline deadline) {
  // poll skips negative descriptors: closed pipes, an exit already seen, no `fd`.
  std::array<pollfd, 4> watched{{{exited ? -1 : child.pidfd.get(), POLLIN, 0},
                                 {child.out.get(), POLLIN, 0},
                                 {child.err.get(), POLLIN, 0},
                                 {fd, events, 0}}};
  if (::poll(watched.data(), watched.size(), deadline.poll_timeout()) < 0) {
    if (errno == EINTR) return Seen{exited, false};
    return Error::from_errno(errno, "wait for process " + std::to_string(child.pid));
  }
  if (watched[1].revents != 0) read_pipe(Stream::out);
  if (watched[2].revents != 0) read_pipe(Stream::err);
  if (watched[0].revents != 0) exited = true;
  return Seen{exited, watched[3].revents != 0};
}

/// SIGTERM, the grace, SIGKILL, reaped.
Status Process::State::stop_group() {
  signal_group(SIGTERM);
  signal_group(SIGCONT);  // a stopped process gets its SIGTERM only once it runs again
  const Deadline end_of_grace = Deadline::after(grace);
  // The leader is not reaped before the SIGKILL: as long as it is a zombie, nobody else can get
  // the number of its group. Closed pipes say that the others have gone too.
  while (!(exited && !child.out && !child.err) && !end_of_grace.passed()) {
    PB_CHECK(poll_once(-1, 0, end_of_grace));
  }
  signal_group(SIGKILL);
  collect();
  return Done{};
}

Exit Process::State::conclude() {
  collect();
  drain(Stream::out);
  drain(Stream::err);
  Exit result;
  result.output = std::move(kept.text);
  result.output_truncated = kept.truncated;
  if (WIFSIGNALED(*status)) {
    result.kind = Exit::Kind::signal;
    result.value = WTERMSIG(*status);
  } else {
    result.value = WEXITSTATUS(*status);
  }
  return result;
}

Process::Process(std::unique_ptr<State> state) : state_{std::move(state)} {
}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

Result<Process> Process::start(const Command& command, LineSink sink) {
  PB_TRY(auto child, launch(command));
  return Process{std::make_unique<State>(command, std::move(sink), std::move(child))};
}

Result<Process::Wake> Process::wait(int fd, short events, Deadline deadline) {
  while (!state_->status) {
    PB_TRY(const auto seen, state_->poll_once(fd, events, deadline));
    if (seen.exited) break;
    if (seen.ready) return Wake::ready;
    if (deadline.passed()) return Wake::deadline;
  }
  state_->collect();
  return Wake::exited;
}

Result<Exit> Process::finish(Deadline deadline) {
  PB_TRY(const auto wake, wait(-1, 0, deadline));
  if (wake == Wake::exited) return state_->conclude();
  PB_CHECK(state_->stop_group());
  Exit result = state_->conclude();
  // A child that ends by itself on SIGTERM has still not done what it was started for.
  if (result.kind == Exit::Kind::code) result.value = SIGTERM;
  result.kind = Exit::Kind::timeout;
  return result;
}

Result<Exit> Process::terminate() {
  if (!state_->status) PB_CHECK(state_->stop_group());
  return state_->conclude();
}

int Process::pid() const {
  return state_->child.pid;
}

Result<Exit> run(const Command& command, Deadline deadline, LineSink sink) {
  PB_TRY(auto process, Process::start(command, std::move(sink)));
  return process.finish(deadline);
}

std::string Exit::describe() const {
  switch (kind) {
    case Kind::code:
      return "exit code " + std::to_string(value);
    case Kind::signal: {
      const char* name = ::sigdescr_np(value);
      const std::string number = "killed by signal " + std::to_string(value);
      return name == nullptr ? number : number + " (" + name + ")";
    }
    case Kind::timeout:
      break;
  }
  return "timed out";
}

}  // namespace patchbay::os
