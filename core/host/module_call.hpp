#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/host/module.hpp"
#include "core/host/module_output.hpp"
#include "core/host/progress_channel.hpp"
#include "core/os/process.hpp"

/// One call of an executable module: one process. Internal to core/host.
namespace patchbay::host {

/// What every call of a module needs.
struct CallContext {
  ModuleFile file;
  std::string tree_path;
  ModuleSettings settings;
  Log* log;
  ProgressSink* progress;  ///< may be null
};

/// "4 h", "90 s", "250 ms": for time limits in messages.
std::string human_duration(std::chrono::milliseconds duration);

/// A call while it runs. Output goes to the log and the progress channel is served whenever one of
/// the waiting functions runs; none of them waits longer than ModuleSettings::timeout after start.
class ModuleCall {
 public:
  /// Starts the process; answers of `role` answer are kept for finish(). A missing work tree or
  /// module is an error that names it.
  static Result<ModuleCall> start(const CallContext& context, Call call, OutputRole role);

  /// As os::Process::wait.
  Result<os::Process::Wake> wait(int fd, short events);
  /// The same with an earlier end.
  Result<os::Process::Wake> wait(int fd, short events, Deadline end);

  /// Waits for the end of the process, and kills it when its time is over.
  Result<os::Exit> finish();
  /// SIGTERM, grace, SIGKILL.
  Result<os::Exit> terminate();

  /// Whether it has said, as far as any of these functions has listened, that it needs no more of
  /// the payload.
  [[nodiscard]] bool skip_said() const { return progress_ && progress_->skip_said(); }
  /// Likewise, that it takes its streams with read(2) alone.
  [[nodiscard]] bool zero_copy_said() const { return progress_ && progress_->zero_copy_said(); }

  [[nodiscard]] bool out_of_time() const { return deadline_.passed(); }

  /// "TYPE: CALL: what".
  [[nodiscard]] Error error(ErrorCode code, std::string_view what) const;
  /// The error of an exit that was no success: how it ended, and what it complained about last.
  /// `where` says how far it had come: "before it opened streams/x".
  [[nodiscard]] Error failure(const os::Exit& exit, std::string_view where = {}) const;
  /// The same for a call whose time is over.
  [[nodiscard]] Error overdue(std::string_view where = {}) const;

 private:
  ModuleCall(const CallContext& context, Call call, std::unique_ptr<OutputLog> output,
             os::Process process, std::optional<ProgressChannel> progress);
  void serve_progress();

  const CallContext* context_;
  Call call_;
  std::unique_ptr<OutputLog> output_;  // on the heap: the process's sink points to it
  os::Process process_;
  std::optional<ProgressChannel> progress_;
  Deadline deadline_;
};

}  // namespace patchbay::host
