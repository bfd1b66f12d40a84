#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/host/module_call.hpp"
#include "core/host/module_output.hpp"
#include "core/host/plugin_file.hpp"
#include "core/host/plugin_wire.hpp"
#include "core/os/process.hpp"

/// The client's end of a module host. Internal to core/host.
namespace patchbay::host {

/// A module host with its plugin, from its start until it has failed or is not needed any more. One
/// call at a time.
class PluginProcess {
 public:
  /// Starts the host for the checked plugin; await_ready() has to follow begin().
  static Result<std::unique_ptr<PluginProcess>> start(const CallContext& context,
                                                      const CheckedPlugin& plugin);
  PluginProcess(const PluginProcess&) = delete;
  PluginProcess& operator=(const PluginProcess&) = delete;
  ~PluginProcess();

  /// From here on output, errors and the time limit are those of `call`.
  void begin(Call call);
  /// Waits until the plugin is loaded, once. The error says why it could not be.
  Status await_ready();
  Status send(const Frame& frame, int passed = -1);

  /// The next reply or next_file; log, progress and status are passed on meanwhile. Every error
  /// means that the process is gone: crashed, out of time, or ended because it broke the protocol.
  Result<Frame> receive();
  /// Has receive_or_writable() look at `pipe` until that is closed.
  Status watch_stream(int pipe);
  /// The same as receive(), but nothing as soon as a watched stream can be written to.
  Result<std::optional<Frame>> receive_or_writable();

  /// Lets the plugin destroy what it has, and ends the process. The error says that destroy has
  /// crashed, hung or left threads behind. Nothing to do when it is gone.
  Status end();
  /// Ends the process: SIGTERM, grace, SIGKILL.
  void terminate();
  [[nodiscard]] bool gone() const { return gone_; }
  /// Whether it has said in this call that it needs no more of the payload.
  [[nodiscard]] bool skip_said() const { return skip_said_; }

  /// "TYPE: CALL: what".
  [[nodiscard]] Error error(ErrorCode code, std::string_view what) const;
  /// ", saying "..."" with what it complained of last in this call; empty when it did not.
  [[nodiscard]] std::string complaint() const;
  /// Time is over; the process has been ended.
  [[nodiscard]] Error overdue(std::string_view where) const;
  [[nodiscard]] bool out_of_time() const { return deadline_.passed(); }
  /// Breaks with a host that does not keep to the protocol.
  Error broke_protocol(const std::string& what);

 private:
  PluginProcess(const CallContext& context, FrameSocket socket)
      : context_{&context}, socket_{std::move(socket)} {}

  Result<std::optional<Frame>> next_frame();
  Result<std::optional<Frame>> take_frames();
  Status pass_on(const Frame& frame);
  Result<Frame> last_words();
  Error ended();
  [[nodiscard]] Error end_of(const os::Exit& exit) const;
  void name_call(std::string_view call);
  Error late();

  const CallContext* context_;
  FrameSocket socket_;
  std::unique_ptr<OutputLog> output_;
  std::optional<os::Process> process_;
  UniqueFd both_;  ///< epoll of the socket and a stream's pipe
  std::string call_;
  Deadline deadline_ = Deadline::never();
  bool ready_ = false;
  bool gone_ = false;
  bool skip_said_ = false;
};

}  // namespace patchbay::host
