#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/changes.hpp"
#include "patchbay/context.hpp"
#include "patchbay/fd.hpp"
#include "patchbay/files.hpp"
#include "patchbay/journal.hpp"
#include "patchbay/result.hpp"
#include "patchbay/run.hpp"

/// How to write an update module.
///
/// An update module installs one type of payload. Derive from Module, override what your payload
/// needs, and end the file with PATCHBAY_EXECUTABLE:
///
///     class Greeting : public patchbay::module::Module {
///       Status install(Context& context) override {
///         PATCHBAY_TRY(auto text, context.read_payload("greeting", 1024));
///         return replace_file("/etc/motd", text, 0644);
///       }
///     };
///     PATCHBAY_EXECUTABLE(Greeting)
///
/// The program speaks the update-module protocol, version 3: installed as
/// /usr/lib/patchbay/modules/v3/<payload type>, or in Mender's directory of modules, it is found by
/// its file name. Nothing has to be registered.
///
/// With PATCHBAY_PLUGIN instead, the same class becomes a plugin, <payload type>.so, which does
/// without a process for each call but runs under Patchbay only; with PATCHBAY_MODULE the build
/// decides (patchbay_add_module() of the SDK's CMake package builds both).
///
/// The life of an update, as the module sees it:
///
///     download -> install -> needs_reboot? -> [reboot -> verify_reboot] -> commit -> cleanup
///         |          |                             |                         |
///         |          +-----------------------------+-------------------------+
///         |                                        v   on a failure or a power cut
///         |     supports_rollback? -> rollback -> needs_reboot? -> [rollback_reboot ->
///         |     verify_rollback_reboot] -> failure -> cleanup
///         +---> cleanup
///
/// Rules that make an update survive a power cut:
/// - Each call is a process of its own. Keep nothing in memory; keep state in Context::tmp_path().
/// - download may write to inactive places only: nothing has been verified yet.
/// - rollback may come although install never began, after it was cut anywhere, after commit, and
///   twice. class Changes takes care of all that.
/// - commit must leave enough for a rollback; only cleanup throws it away.
/// - cleanup may come after any of the others, and twice; `files/` may be missing.
///
/// - A plugin's object may live through several calls, or be made anew for each: the same rule.
///
/// A module object is used from one thread. No exception gets out: it becomes the call's error.
namespace patchbay::module {

/// Answer to needs_reboot().
enum class Reboot : std::uint8_t {
  no,
  custom,     ///< the module does it itself: reboot() is called
  automatic,  ///< the client reboots the machine, once for all payloads
};

/// What a module is, for `patchbay-module list` and for plans; see docs/module-protocol.md.
struct Description {
  enum class Reboots : std::uint8_t { never, maybe, always };

  std::string type;         ///< the payload type it is meant for
  std::string description;  ///< one sentence
  bool rollback = false;    ///< whether it can roll back (as a rule; supports_rollback decides)
  Reboots reboot = Reboots::never;
  bool streams = false;               ///< takes the payload as a stream
  bool needs_rollback_space = false;  ///< keeps what it replaces in Context::tmp_path()
  bool network = false;               ///< uses the network
  std::string version{};              ///< its own, for lists
  std::vector<std::string> writes;    ///< paths it writes to; "*" for "as the artifact says"
};

/// What a class is, as constant data: a plugin carries it where tools read it without running the
/// plugin, and describe() of an executable answers with it. A class gives it as
///
///     static constexpr patchbay::module::Facts kFacts{.types = "motd", .rollback = true};
///
/// Lists are lines, separated by '\n'.
struct Facts {
  std::string_view types{};        ///< payload types it handles; empty: whatever its file is called
  std::string_view version{};      ///< its own
  std::string_view description{};  ///< one sentence
  std::string_view writes{};       ///< paths it may change; "*" for what the artifact says
  bool rollback = false;
  Description::Reboots reboot = Description::Reboots::never;
  bool streams = false;  ///< takes the payload as a stream
  bool network = false;  ///< uses the network
  /// Asks Context::cancelled() and ends soon after; others are ended by the signal itself.
  bool asks_to_stop = false;
  bool needs_rollback_space = false;  ///< keeps what it replaces in Context::tmp_path()
};

/// Lines of text for people.
using Lines = std::vector<std::string>;

class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // ---- questions: no side effects, may be asked more than once ----

  /// Whether download() wants each file's size in advance.
  virtual Result<bool> provide_payload_file_sizes(Context&) { return false; }
  /// Whether download() cannot do without the sizes it wants: then a client that is too old to give
  /// them is refused before it has sent anything.
  [[nodiscard]] virtual bool requires_payload_file_sizes() const { return true; }
  /// Asked after install, and again after rollback: the second answer may differ.
  virtual Result<Reboot> needs_reboot(Context&) { return Reboot::no; }
  virtual Result<bool> supports_rollback(Context&) { return false; }
  /// May be asked outside of an update: then Context::tree() is empty.
  virtual Result<std::optional<Description>> describe(Context&) { return {std::nullopt}; }
  /// What install would do, a line for each thing, for people. The header is there; the payload
  /// files may be missing. Nothing may be touched.
  virtual Result<Lines> plan(Context&) { return Lines{}; }

  // ---- states: an Error fails the update ----

  /// ArtifactInstall comes later; look at the header here and refuse what can never work. Leave
  /// `stream` alone to have the files stored by the client.
  virtual Status download(Context&, PayloadStream& /*stream*/) { return Done{}; }
  virtual Status install(Context&) { return Done{}; }
  virtual Status reboot(Context&) { return Done{}; }
  virtual Status verify_reboot(Context&) { return Done{}; }
  virtual Status commit(Context&) { return Done{}; }
  virtual Status rollback(Context&) { return Done{}; }
  virtual Status rollback_reboot(Context&) { return Done{}; }
  virtual Status verify_rollback_reboot(Context&) { return Done{}; }
  /// The last word after a failed install, rolled back or not.
  virtual Status failure(Context&) { return Done{}; }
  virtual Status cleanup(Context&) { return Done{}; }
};

/// Serves one call of the protocol: `argv` is program, call, work tree. Returns the exit status: 0,
/// or 1 after a failure, whose message has then been written to standard error. A call that this
/// version does not know succeeds silently, as the protocol demands.
int run_executable(Module& module, const Facts& facts, int argc, const char* const* argv);
int run_executable(Module& module, int argc, const char* const* argv);

/// Type::kFacts, or nothing known.
template <typename Type>
constexpr Facts facts_of() {
  if constexpr (requires { Type::kFacts; }) {
    return Type::kFacts;
  } else {
    return {};
  }
}

}  // namespace patchbay::module

/// Makes the program: `main` for a module of class `Type`.
#define PATCHBAY_EXECUTABLE(Type)                                                           \
  int main(int argc, char** argv) {                                                         \
    Type patchbay_module{};                                                                 \
    constexpr auto patchbay_facts = ::patchbay::module::facts_of<Type>();                   \
    return ::patchbay::module::run_executable(patchbay_module, patchbay_facts, argc, argv); \
  }

/// Makes the plugin: the exported constant for a module of class `Type` (patchbay/plugin.hpp).
#define PATCHBAY_PLUGIN(Type) \
  constinit const pb_plugin_t pb_plugin_v1 = ::patchbay::module::make_plugin<Type>();

/// Makes the one or the other, as the build says.
#ifdef PATCHBAY_BUILD_PLUGIN
#define PATCHBAY_MODULE(Type) PATCHBAY_PLUGIN(Type)
#else
#define PATCHBAY_MODULE(Type) PATCHBAY_EXECUTABLE(Type)
#endif

// What PATCHBAY_PLUGIN is made of needs the classes above.
#include "patchbay/plugin.hpp"  // NOLINT
