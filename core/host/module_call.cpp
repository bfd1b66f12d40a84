#include "core/host/module_call.hpp"

#include <poll.h>

#include "core/os/file.hpp"

namespace patchbay::host {
namespace {

using Wake = os::Process::Wake;

// How long progress may lie in the pipe while we wait for something else. The pipe holds more than
// a module reports in this time; if it should fill, it is emptied after it.
constexpr std::chrono::milliseconds kProgressSlice{100};

std::string label(const CallContext& context, Call call) {
  return context.file.type + ": " + std::string{to_string(call)};
}

os::Command command_for(const CallContext& context, Call call) {
  os::Command command;
  command.program = context.file.path;
  command.arguments = {std::string{to_string(call)}, context.tree_path};
  command.environment = context.settings.environment;
  command.working_directory = context.tree_path;
  command.grace = context.settings.grace;
  return command;
}

bool has_streams(Call call) {
  return call == Call::download || call == Call::download_with_file_sizes;
}

void pass(const ProgressChannel& channel, os::Command& command) {
  command.descriptors.push_back({channel.module_end(), kProgressDescriptor});
  command.environment.push_back(std::string{kProgressVariable} + "=" +
                                std::to_string(kProgressDescriptor));
}

}  // namespace

std::string human_duration(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  if (ms < 10'000) {
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
  }
  const auto seconds = (ms + 500) / 1000;
  if (seconds >= 3600 && seconds % 3600 == 0) return std::to_string(seconds / 3600) + " h";
  if (seconds >= 600) return std::to_string((seconds + 30) / 60) + " min";
  return std::to_string(seconds) + " s";
}

ModuleCall::ModuleCall(const CallContext& context, Call call, std::unique_ptr<OutputLog> output,
                       os::Process process, std::optional<ProgressChannel> progress)
    : context_{&context},
      call_{call},
      output_{std::move(output)},
      process_{std::move(process)},
      progress_{std::move(progress)},
      deadline_{Deadline::after(context.settings.timeout)} {
}

Result<ModuleCall> ModuleCall::start(const CallContext& context, Call call, OutputRole role) {
  if (!os::exists(context.tree_path)) {
    return Error{ErrorCode::io, label(context, call) + ": the work tree " + context.tree_path +
                                    " is gone; it has to stay until Cleanup has run"};
  }
  auto command = command_for(context, call);
  std::optional<ProgressChannel> progress;
  // Questions are answered at once: nothing to report.
  if (has_streams(call) || (context.progress != nullptr && role == OutputRole::log)) {
    PB_TRY(progress, ProgressChannel::create(context.progress).context(label(context, call)));
    pass(*progress, command);
  }
  if (has_streams(call)) {
    command.environment.push_back(std::string{kFeaturesVariable} + "=" + std::string{kFeatures});
  }
  auto output = std::make_unique<OutputLog>(context.file.type, to_string(call), role, *context.log);
  auto sink = [log = output.get()](os::Stream stream, std::string_view text) {
    log->line(stream, text);
  };
  PB_TRY(auto process, os::Process::start(command, sink).context(label(context, call)));
  if (progress) progress->drop_module_end();
  return ModuleCall{context, call, std::move(output), std::move(process), std::move(progress)};
}

void ModuleCall::serve_progress() {
  if (progress_) progress_->drain();
}

Result<Wake> ModuleCall::wait(int fd, short events) {
  return wait(fd, events, deadline_);
}

Result<Wake> ModuleCall::wait(int fd, short events, Deadline end) {
  end = end.min(deadline_);
  for (;;) {
    const auto slice = progress_ ? end.min(Deadline::after(kProgressSlice)) : end;
    PB_TRY(const auto wake, process_.wait(fd, events, slice));
    serve_progress();
    if (wake != Wake::deadline || end.passed()) return wake;
  }
}

Result<os::Exit> ModuleCall::finish() {
  while (progress_ && progress_->fd() >= 0) {
    PB_TRY(const auto wake, process_.wait(progress_->fd(), POLLIN, deadline_));
    serve_progress();
    if (wake != Wake::ready) break;
  }
  return process_.finish(deadline_);
}

Result<os::Exit> ModuleCall::terminate() {
  return process_.terminate();
}

Error ModuleCall::error(ErrorCode code, std::string_view what) const {
  return Error{code, label(*context_, call_) + ": " + std::string{what}};
}

Error ModuleCall::failure(const os::Exit& exit, std::string_view where) const {
  if (exit.kind == os::Exit::Kind::timeout) return overdue(where);
  auto what = exit.describe();
  if (!where.empty()) what += " " + std::string{where};
  std::string said = output_->last_complaint();
  // Modules made with the SDK begin with the call, which is named already.
  const std::string call = std::string{to_string(call_)} + ": ";
  if (said.starts_with(call)) said.erase(0, call.size());
  if (!said.empty()) what += ", saying \"" + said + "\"";
  return error(ErrorCode::module_failed, what);
}

Error ModuleCall::overdue(std::string_view where) const {
  auto what = "not finished within " + human_duration(context_->settings.timeout);
  what += " (ModuleTimeoutSeconds), stopped";
  if (!where.empty()) what += " " + std::string{where};
  return error(ErrorCode::timeout, what);
}

}  // namespace patchbay::host
