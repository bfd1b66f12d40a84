#include "core/host/module_host.hpp"

// The library would take Boost.Filesystem otherwise, which we do not need.
#define BOOST_DLL_USE_STD_FS
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <boost/dll/shared_library.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iterator>
#include <thread>

#include "core/host/plugin_services.hpp"
#include "core/host/protocol.hpp"

namespace patchbay::host {
namespace {

constexpr int kUsage = 64;
constexpr int kRefused = 1;
// Together a tenth of a second.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetweenLooks{5};
constexpr const char* kSymbol = "pb_plugin_v1";
constexpr const char* kPluginPath = "/proc/self/fd/4";
static_assert(kHostPlugin == 4);

/// What is wrong with a plugin that cannot be served.
struct Refusal {
  std::int32_t code;
  std::string why;
};

/// One call's end.
struct Reply {
  std::int32_t code = PB_OK;
  std::string answer{};
  std::string error{};
};

using StateFunction = std::int32_t (*)(pb_module_t*, pb_error_t*);
using QuestionFunction = std::int32_t (*)(pb_module_t*, std::int32_t*, pb_error_t*);

struct StateRow {
  Call call;
  StateFunction pb_plugin_t::*function;
};
constexpr std::array kStates{
    StateRow{Call::download, &pb_plugin_t::download},
    StateRow{Call::download_with_file_sizes, &pb_plugin_t::download},
    StateRow{Call::artifact_install, &pb_plugin_t::artifact_install},
    StateRow{Call::artifact_reboot, &pb_plugin_t::artifact_reboot},
    StateRow{Call::artifact_verify_reboot, &pb_plugin_t::artifact_verify_reboot},
    StateRow{Call::artifact_commit, &pb_plugin_t::artifact_commit},
    StateRow{Call::artifact_rollback, &pb_plugin_t::artifact_rollback},
    StateRow{Call::artifact_rollback_reboot, &pb_plugin_t::artifact_rollback_reboot},
    StateRow{Call::artifact_verify_rollback_reboot, &pb_plugin_t::artifact_verify_rollback_reboot},
    StateRow{Call::artifact_failure, &pb_plugin_t::artifact_failure},
    StateRow{Call::cleanup, &pb_plugin_t::cleanup},
};

struct QuestionRow {
  Call call;
  QuestionFunction pb_plugin_t::*function;
};
constexpr std::array kQuestions{
    QuestionRow{Call::provide_payload_file_sizes, &pb_plugin_t::provide_payload_file_sizes},
    QuestionRow{Call::needs_artifact_reboot, &pb_plugin_t::needs_artifact_reboot},
    QuestionRow{Call::supports_rollback, &pb_plugin_t::supports_rollback},
};

pb_error_t no_error() {
  pb_error_t error{};
  error.size = sizeof error;
  error.version = 1;
  return error;
}

std::string message_of(const pb_error_t& error) {
  return {error.message, ::strnlen(error.message, sizeof error.message)};
}

/// Runs a function of the plugin. An exception must not come out of it; one that does is its
/// failure, and the process goes on only to say so.
template <typename Function>
Reply guarded(Function function) {
  pb_error_t error = no_error();
  try {
    const std::int32_t code = function(&error);
    return {code, {}, code == PB_OK ? "" : message_of(error)};
  } catch (const std::exception& escaped) {
    return {PB_FAILED, {}, std::string{"an exception escaped from the plugin: "} + escaped.what()};
  } catch (...) {  // boundary: a plugin may throw what it likes
    return {PB_FAILED, {}, "an exception escaped from the plugin"};
  }
}

std::string answer_text(Call question, std::int32_t answer) {
  if (answer == PB_NO) return "No";
  if (answer == PB_YES) return "Yes";
  if (answer == PB_AUTOMATIC && question == Call::needs_artifact_reboot) return "Automatic";
  // Refused by whoever parses it, with the number.
  return "number " + std::to_string(answer);
}

/// The instance of a plugin and its functions, as far as the plugin has them.
class Instance {
 public:
  explicit Instance(const pb_plugin_t& exported) {
    std::memcpy(&plugin_, &exported, std::min<std::size_t>(exported.size, sizeof plugin_));
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() {
    if (module_ != nullptr) {
      (void)guarded([this](pb_error_t*) {
        plugin_.destroy(module_);
        return PB_OK;
      });
    }
  }

  std::optional<Refusal> create(const pb_host_t& host) {
    if (plugin_.create == nullptr || plugin_.destroy == nullptr) {
      return Refusal{PB_UNSUPPORTED, "it has no create, or no destroy"};
    }
    const auto made =
        guarded([&](pb_error_t* error) { return plugin_.create(&host, &module_, error); });
    if (made.code != PB_OK) {
      module_ = nullptr;
      return Refusal{made.code, made.error.empty() ? "create failed without a word" : made.error};
    }
    if (module_ == nullptr) return Refusal{PB_FAILED, "create made no instance"};
    return std::nullopt;
  }

  /// A call it does not know does nothing and succeeds, as for every module.
  Reply call(std::string_view name) {
    for (const StateRow& row : kStates) {
      if (to_string(row.call) == name) return run_state(plugin_.*row.function);
    }
    for (const QuestionRow& row : kQuestions) {
      if (to_string(row.call) == name) return ask(row.call, plugin_.*row.function);
    }
    if (name == to_string(Call::plan)) return plan();
    return {};
  }

 private:
  Reply run_state(StateFunction function) {
    if (function == nullptr) return {};
    return guarded([&](pb_error_t* error) { return function(module_, error); });
  }

  Reply ask(Call question, QuestionFunction function) {
    if (function == nullptr) return {PB_OK, "No", {}};
    std::int32_t answer = PB_NO;
    auto reply = guarded([&](pb_error_t* error) { return function(module_, &answer, error); });
    if (reply.code == PB_OK) reply.answer = answer_text(question, answer);
    return reply;
  }

  Reply plan() {
    if (plugin_.extension == nullptr) return {};
    std::string lines;
    auto reply = guarded([&](pb_error_t* error) {
      const auto* const extension = static_cast<const pb_plan_v1_t*>(
          plugin_.extension(module_, pb_string(PB_EXTENSION_PLAN), 1));
      if (extension == nullptr || extension->plan == nullptr) return PB_OK;
      return extension->plan(module_, add_line, &lines, error);
    });
    reply.answer = std::move(lines);
    return reply;
  }

  static void add_line(void* data, pb_text_t line) {
    auto& lines = *static_cast<std::string*>(data);
    lines += (lines.empty() ? "" : "\n") + std::string{line.data, in_memory(line.size)};
  }

  pb_plugin_t plugin_{};
  pb_module_t* module_ = nullptr;
};

Frame frame_of(Reply reply) {
  return {.kind = FrameKind::reply,
          .number = static_cast<std::uint32_t>(reply.code),
          .text = std::move(reply.answer),
          .more = std::move(reply.error)};
}

int refuse(FrameSocket& socket, const Refusal& refusal) {
  // Nobody else is left to be told when this cannot be sent.
  (void)socket.send({.kind = FrameKind::refused,
                     .number = static_cast<std::uint32_t>(refusal.code),
                     .text = refusal.why},
                    -1, FrameSocket::Waiting::yes);
  return kRefused;
}

/// The client's next call; nothing once it has ended the conversation.
Result<std::optional<Frame>> next_call(FrameSocket& socket) {
  for (;;) {
    PB_TRY(auto frame, socket.next());
    if (frame && frame->kind == FrameKind::call) return frame;
    if (frame) {
      return Error{ErrorCode::invalid_input, "the client sent a frame that is no call"};
    }
    PB_TRY(const bool open, socket.receive(FrameSocket::Waiting::yes));
    if (!open || plugin_cancelled) return std::optional<Frame>{};
  }
}

void on_term(int) {
  plugin_cancelled = true;
}

/// A plugin that does not ask whether to stop is ended by SIGTERM itself.
void prepare_for_cancellation(std::uint64_t capabilities) {
  plugin_cancelled = false;
  if ((capabilities & PB_CAPABILITY_CANCEL) == 0) return;
  // Without SA_RESTART: what waits for the client or the stream has to notice.
  struct sigaction action {};
  action.sa_handler = on_term;
  ::sigaction(SIGTERM, &action, nullptr);
}

/// A crash is reported by the client; a memory image of it could hold the payload's secrets.
void forbid_core_files() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

std::string loader_text(std::string text, const std::string& path) {
  if (const auto at = text.find(kPluginPath); at != std::string::npos) {
    text.replace(at, std::strlen(kPluginPath), path);
  }
  return text;
}

std::ptrdiff_t count_threads() {
  std::error_code failed;
  const std::filesystem::directory_iterator threads{"/proc/self/task", failed};
  return std::distance(begin(threads), end(threads));
}

/// How many of the plugin's threads still run although it is destroyed. One that has just been
/// joined may be seen for a moment.
std::ptrdiff_t threads_left(std::ptrdiff_t before) {
  for (int looks = 0;; ++looks) {
    const auto left = count_threads() - before;
    if (left <= 0 || looks == kLooks) return left;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

/// Running on beside threads that still use what the end of a program takes away, it would crash.
void end_beside_threads(std::ptrdiff_t before) {
  const auto left = threads_left(before);
  if (left <= 0) return;
  (void)std::fprintf(
      stderr, "threads that still run after destroy: %td; they have to end before it returns\n",
      left);
  std::_Exit(kRefused);
}

int load_and_serve(const HostedPayload& payload, const std::string& path, FrameSocket& socket) {
  namespace dll = boost::dll;
  // Never unloaded: threads that a plugin may have left still run in it.
  static dll::shared_library library;
  const auto threads = count_threads();
  const pb_plugin_t* exported = nullptr;
  try {
    library.load(kPluginPath, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    exported = &library.get<const pb_plugin_t>(kSymbol);
  } catch (const std::exception& failed) {
    return refuse(socket, {PB_UNSUPPORTED, loader_text(failed.what(), path)});
  }
  const int exit_code = serve_plugin(*exported, payload, socket);
  end_beside_threads(threads);
  return exit_code;
}

}  // namespace

int serve_plugin(const pb_plugin_t& exported, const HostedPayload& payload, FrameSocket& socket) {
  if (exported.size < offsetof(pb_plugin_t, provide_payload_file_sizes)) {
    return refuse(socket, {PB_UNSUPPORTED, "pb_plugin_v1 says that it is too short"});
  }
  prepare_for_cancellation(exported.capabilities);
  PluginServices services{payload.type, payload.tree, socket};
  Instance instance{exported};
  if (const auto refusal = instance.create(services.table())) return refuse(socket, *refusal);
  if (!services.send({.kind = FrameKind::ready})) return kRefused;
  for (;;) {
    const auto frame = next_call(socket);
    if (!frame) return refuse(socket, {PB_INVALID, frame.error().message()});
    if (!*frame) return 0;
    auto reply = frame_of(instance.call((*frame)->text));
    // What the plugin has printed belongs to this call.
    (void)std::fflush(nullptr);
    if (!services.send(reply)) return kRefused;
    if (plugin_cancelled) return 0;
  }
}

int run_module_host(int argc, const char* const* argv) {
  constexpr int kArguments = 5;
  if (argc != kArguments || ::fcntl(kHostSocket, F_GETFD) < 0 ||
      ::fcntl(kHostPlugin, F_GETFD) < 0) {
    (void)std::fprintf(stderr,
                       "patchbay module-host runs a plugin for the client, which starts it itself; "
                       "to try a plugin, use patchbay-module check\n");
    return kUsage;
  }
  // Programs that the plugin starts inherit neither.
  ::fcntl(kHostSocket, F_SETFD, FD_CLOEXEC);
  ::fcntl(kHostPlugin, F_SETFD, FD_CLOEXEC);
  (void)std::signal(SIGPIPE, SIG_IGN);
  forbid_core_files();
  FrameSocket socket{UniqueFd{kHostSocket}};
  return load_and_serve({argv[2], argv[4]}, argv[3], socket);
}

}  // namespace patchbay::host
