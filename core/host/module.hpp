#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/log.hpp"
#include "core/base/result.hpp"
#include "core/host/discovery.hpp"
#include "core/host/protocol.hpp"

namespace patchbay::host {

/// The files of one payload as they come up in the stream; implemented over artifact::Reader by the
/// flow, and by tests.
class PayloadSource {
 public:
  struct File {
    std::string name;
    std::uint64_t size = 0;
  };
  virtual ~PayloadSource() = default;
  /// The next file, or nothing when there are no more.
  virtual Result<std::optional<File>> next_file() = 0;
  /// The next bytes of the current file, valid until the next call; empty at its end, which is
  /// reported only when the checksum was right.
  virtual Result<ByteSpan> read() = 0;
  /// Leaves out what has not been read, for a device that has it already. Nothing else is called
  /// afterwards.
  virtual Status skip() = 0;
  /// What read() has given out stays where it is until it has given out so many bytes more, or
  /// next_file() is called.
  [[nodiscard]] virtual std::size_t kept() const { return 0; }
};

/// What a module reports while it works (progress channel, docs/module-protocol.md).
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void module_progress(unsigned percent) = 0;
  virtual void module_status(std::string_view text) = 0;
};

/// One payload's update module, whatever its binding. Every call blocks until the module has
/// answered or its time is over; none hangs, whatever the module does. Errors: module_failed (it
/// said no, died, or broke the protocol: which call, what it did), timeout, io; the errors of the
/// PayloadSource are passed through from download().
class Module {
 public:
  virtual ~Module() = default;

  /// Runs one state (artifact_install ... cleanup) to its end.
  virtual Status call(Call state) = 0;

  /// Asks one question and returns the whole of standard output, one trailing newline removed.
  virtual Result<std::string> ask(Call question) = 0;

  /// ProvidePayloadFileSizes, then Download or DownloadWithFileSizes with the stream handshake; a
  /// module that exits 0 without opening `stream-next` gets the files stored under `files/`.
  /// Every file of `source` is consumed and verified before success is returned; but a module that
  /// says that the device has the payload already is not given the rest of it.
  virtual Status download(PayloadSource& source) = 0;

  /// Ends what serves the calls, if anything still does; the next call starts it anew. An error
  /// says what went wrong in that, which is nothing to an update. The destructor ends it as well,
  /// and logs the error.
  virtual Status end() { return Done{}; }
};

/// NeedsArtifactReboot, answer parsed exactly ("No", "Yes", "Automatic", empty means No).
Result<Reboot> needs_reboot(Module& module);
/// SupportsRollback, answer parsed exactly ("Yes", "No", empty means No).
Result<bool> supports_rollback(Module& module);

/// Whether `signature`, the text of a signature file, is one over `content` by a trusted key.
using PluginVerifier = std::function<Status(ByteSpan content, std::string_view signature)>;

struct ModuleSettings {
  std::vector<std::string> environment;  ///< the whole of it, "KEY=value"
  std::chrono::milliseconds timeout{
      std::chrono::hours{4}};  ///< for each call (ModuleTimeoutSeconds)
  std::chrono::milliseconds grace{std::chrono::seconds{10}};  ///< SIGTERM to SIGKILL
  /// In Download: how long a module that has asked for the next stream may leave this one unopened.
  /// It may do so for a moment (threads); one that skips a stream would wait for ever.
  std::chrono::milliseconds skip_patience{std::chrono::seconds{10}};
  /// The program that becomes the module host of a plugin (run_module_host); this one.
  std::string host_program = "/proc/self/exe";
  PluginVerifier verify_plugin;  ///< empty: plugins need no signature
};

/// Whether `file` can be a module here, as far as can be said without running it: the errors of
/// open_plugin and check_plugin_facts, or of os::check_program.
Status check_module(const ModuleFile& file, const ModuleSettings& settings);

/// Binds the module `file` to the work tree at `tree_path`. A module may close a stream before its
/// end, so the whole program has to ignore SIGPIPE (children get it back with its default). `log`
/// and `progress` (may be null) must outlive the module. A plugin's file is checked here (the
/// errors of open_plugin) and loaded by the first call; its process lives as long as the Module, or
/// until a call fails it.
Result<std::unique_ptr<Module>> bind_module(const ModuleFile& file, const std::string& tree_path,
                                            const ModuleSettings& settings, Log& log,
                                            ProgressSink* progress);

}  // namespace patchbay::host
