#include "core/host/plugin_process.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "core/host/module_host.hpp"
#include "core/host/plugin_services.hpp"

namespace patchbay::host {
namespace {

using Wake = os::Process::Wake;

// How long a host that is not needed any more may take to end by itself, and a dying one to be
// dead; long enough on a machine that is busy with something else.
constexpr std::chrono::milliseconds kFarewell{5000};
constexpr std::string_view kDestroy = "destroy";  // no call of the protocol, but one of the plugin

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};

Result<SocketPair> make_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error::from_errno(errno, "create socket pair");
  }
  return SocketPair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

os::Command command_for(const CallContext& context, int socket, int plugin) {
  os::Command command;
  command.program = context.settings.host_program;
  command.arguments = {kModuleHostCommand, context.file.type, context.file.path, context.tree_path};
  command.environment = context.settings.environment;
  command.working_directory = context.tree_path;
  command.grace = context.settings.grace;
  command.descriptors = {{socket, kHostSocket}, {plugin, kHostPlugin}};
  return command;
}

LogLevel level_of(std::uint32_t level) {
  switch (level) {
    case PB_LOG_DEBUG:
      return LogLevel::debug;
    case PB_LOG_WARNING:
      return LogLevel::warning;
    case PB_LOG_ERROR:
      return LogLevel::error;
    default:
      return LogLevel::info;
  }
}

}  // namespace

Result<std::unique_ptr<PluginProcess>> PluginProcess::start(const CallContext& context,
                                                            const CheckedPlugin& plugin) {
  PB_TRY(auto sockets, make_sockets());
  std::unique_ptr<PluginProcess> made{
      new PluginProcess{context, FrameSocket{std::move(sockets.ours)}}};
  auto sink = [process = made.get()](os::Stream stream, std::string_view text) {
    if (process->output_) process->output_->line(stream, text);
  };
  made->both_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!made->both_ ||
      ::epoll_ctl(made->both_.get(), EPOLL_CTL_ADD, made->socket_.fd(), &readable) != 0) {
    return Error::from_errno(errno, "watch the module host");
  }
  const auto command = command_for(context, sockets.theirs.get(), plugin.fd.get());
  PB_TRY(made->process_, os::Process::start(command, sink).context("module host"));
  return made;
}

PluginProcess::~PluginProcess() {
  if (const auto well = end(); !well) context_->log->warning(well.error().message());
}

/// The end of the conversation has the plugin free what it has; one that does not end is killed.
Status PluginProcess::end() {
  if (gone_ || !process_) return Done{};
  gone_ = true;
  name_call(kDestroy);
  socket_ = FrameSocket{UniqueFd{}};
  PB_TRY(const auto wake, process_->wait(-1, 0, Deadline::after(kFarewell)));
  if (wake != Wake::exited) {
    (void)process_->terminate();
    return error(ErrorCode::timeout,
                 "not finished within " + human_duration(kFarewell) + ", killed");
  }
  PB_TRY(const auto exit, process_->finish(Deadline::after(kFarewell)));
  return exit.success() ? Status{Done{}} : Status{end_of(exit)};
}

void PluginProcess::begin(Call call) {
  deadline_ = Deadline::after(context_->settings.timeout);
  skip_said_ = false;
  name_call(to_string(call));
}

void PluginProcess::name_call(std::string_view call) {
  call_ = call;
  output_ =
      std::make_unique<OutputLog>(context_->file.type, call_, OutputRole::log, *context_->log);
}

Status PluginProcess::await_ready() {
  if (ready_) return Done{};
  PB_TRY(const auto frame, receive());
  if (frame.kind == FrameKind::ready) {
    ready_ = true;
    return Done{};
  }
  if (frame.kind != FrameKind::refused) return broke_protocol("answered before it was ready");
  terminate();
  return error(error_code(frame.number),
               "plugin " + context_->file.path + ": " + printable(frame.text, 1000));
}

Status PluginProcess::send(const Frame& frame, int passed) {
  auto sent = socket_.send(frame, passed, FrameSocket::Waiting::no);
  if (sent) return Done{};
  // Mostly because it is dead: how it died says more.
  PB_TRY(const auto wake, process_->wait(-1, 0, Deadline::after(kFarewell)));
  if (wake == Wake::exited) return ended();
  return broke_protocol("does not take what it is sent: " + sent.error().message());
}

/// Passes on what is meant for others; returns what is meant for the call.
Result<std::optional<Frame>> PluginProcess::next_frame() {
  for (;;) {
    auto frame = socket_.next();
    if (!frame) return broke_protocol(frame.error().message());
    if (!*frame) return std::optional<Frame>{};
    switch ((*frame)->kind) {
      case FrameKind::log:
      case FrameKind::progress:
      case FrameKind::status:
        PB_CHECK(pass_on(**frame));
        break;
      case FrameKind::skip:
        skip_said_ = true;
        break;
      case FrameKind::ready:
      case FrameKind::refused:
      case FrameKind::reply:
      case FrameKind::next_file:
        return frame;
      default:
        return broke_protocol("sent a frame of the unknown kind " +
                              std::to_string(static_cast<unsigned>((*frame)->kind)));
    }
  }
}

Status PluginProcess::pass_on(const Frame& frame) {
  if (frame.kind == FrameKind::log) {
    output_->said(level_of(frame.number), frame.text);
  } else if (context_->progress != nullptr && frame.kind == FrameKind::progress) {
    if (frame.number > 100) return broke_protocol("reported a progress of more than 100 %");
    context_->progress->module_progress(frame.number);
  } else if (context_->progress != nullptr) {
    context_->progress->module_status(printable(frame.text));
  }
  return Done{};
}

/// What has come so far.
Result<std::optional<Frame>> PluginProcess::take_frames() {
  PB_TRY(auto waiting, next_frame());
  if (waiting) return waiting;
  const auto received = socket_.receive(FrameSocket::Waiting::no);
  if (!received) return broke_protocol(received.error().message());
  if (*received) return next_frame();
  // Closed its end: it is about to die, or pretends to.
  PB_TRY(const auto wake, process_->wait(-1, 0, Deadline::after(kFarewell)));
  if (wake == Wake::exited) return ended();
  return broke_protocol("has closed its socket");
}

Result<Frame> PluginProcess::receive() {
  for (;;) {
    PB_TRY(auto frame, take_frames());
    if (frame) {
      // What it has printed until here belongs to this call. Nothing to wait for: it is read.
      if (frame->kind == FrameKind::reply) {
        PB_CHECK(process_->wait(-1, 0, Deadline::after(std::chrono::milliseconds{0})));
      }
      return std::move(*frame);
    }
    if (out_of_time()) return late();
    PB_TRY(const auto wake, process_->wait(socket_.fd(), POLLIN, deadline_));
    if (wake == Wake::deadline) return late();
    if (wake == Wake::exited) return last_words();
  }
}

Status PluginProcess::watch_stream(int pipe) {
  // It leaves the set by itself when it is closed.
  epoll_event writable{};
  writable.events = EPOLLOUT;
  if (::epoll_ctl(both_.get(), EPOLL_CTL_ADD, pipe, &writable) == 0) return Done{};
  return Error::from_errno(errno, "watch a stream");
}

Result<std::optional<Frame>> PluginProcess::receive_or_writable() {
  PB_TRY(auto frame, take_frames());
  if (frame) return frame;
  if (out_of_time()) return late();
  PB_TRY(const auto wake, process_->wait(both_.get(), POLLIN, deadline_));
  if (wake == Wake::deadline) return late();
  if (wake == Wake::ready) return std::optional<Frame>{};
  PB_TRY(auto last, last_words());
  return std::optional{std::move(last)};
}

/// Of a process that has exited; somebody else may still hold its socket.
Result<Frame> PluginProcess::last_words() {
  PB_TRY(auto frame, take_frames());
  if (frame) return std::move(*frame);
  return ended();
}

void PluginProcess::terminate() {
  // The failure that brought us here is the one to tell.
  if (!gone_) (void)process_->terminate();
  gone_ = true;
}

Error PluginProcess::error(ErrorCode code, std::string_view what) const {
  return Error{code, context_->file.type + ": " + call_ + ": " + std::string{what}};
}

Error PluginProcess::overdue(std::string_view where) const {
  auto what = "not finished within " + human_duration(context_->settings.timeout) +
              " (ModuleTimeoutSeconds), stopped";
  if (!where.empty()) what += " " + std::string{where};
  return error(ErrorCode::timeout, what);
}

Error PluginProcess::broke_protocol(const std::string& what) {
  terminate();
  return error(ErrorCode::module_failed, "the plugin " + what);
}

Error PluginProcess::late() {
  terminate();
  return overdue({});
}

/// The process has exited although a reply was due.
Error PluginProcess::ended() {
  gone_ = true;
  const auto exit = process_->finish(Deadline::after(kFarewell));
  return exit ? end_of(*exit) : exit.error();
}

Error PluginProcess::end_of(const os::Exit& exit) const {
  const std::string what = exit.kind == os::Exit::Kind::signal
                               ? "the plugin crashed: " + exit.describe()
                               : "the plugin ended its process: " + exit.describe();
  return error(ErrorCode::module_failed, what + complaint());
}

std::string PluginProcess::complaint() const {
  const auto& said = output_->last_complaint();
  return said.empty() ? "" : ", saying \"" + said + "\"";
}

}  // namespace patchbay::host
