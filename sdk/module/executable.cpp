#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "patchbay/module.hpp"
#include "sdk/module/stop_request.hpp"

// The executable binding: one process, one call.
namespace patchbay::module {
namespace {

std::string_view to_string(Reboot reboot) {
  switch (reboot) {
    case Reboot::no:
      return "No";
    case Reboot::custom:
      return "Yes";
    case Reboot::automatic:
      return "Automatic";
  }
  return "No";
}

std::string_view to_string(Description::Reboots reboots) {
  switch (reboots) {
    case Description::Reboots::never:
      return "never";
    case Description::Reboots::maybe:
      return "maybe";
    case Description::Reboots::always:
      return "always";
  }
  return "never";
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      json += escape.data();
    } else {
      json += c;
    }
  }
  return json += '"';
}

std::string to_json(const Description& what) {
  std::string writes;
  for (const auto& path : what.writes)
    writes += (writes.empty() ? "" : ",") + quoted(path);
  return "{\"type\":" + quoted(what.type) + ",\"description\":" + quoted(what.description) +
         ",\"rollback\":" + quoted(what.rollback ? "yes" : "no") +
         ",\"reboot\":" + quoted(to_string(what.reboot)) +
         ",\"streams\":" + (what.streams ? "true" : "false") +
         (what.needs_rollback_space ? ",\"needs_rollback_space\":true" : "") +
         (what.network ? ",\"network\":true" : "") +
         (what.version.empty() ? "" : ",\"version\":" + quoted(what.version)) +
         (writes.empty() ? "" : ",\"writes\":[" + writes + "]") + "}";
}

Status print(std::string text) {
  if (text.empty()) return Done{};
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno(errno, "write the answer");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return Done{};
}

Status ask_sizes(Module& module, Context& context) {
  PATCHBAY_TRY(const bool wanted, module.provide_payload_file_sizes(context));
  return print(wanted ? "Yes" : "No");
}

Status ask_reboot(Module& module, Context& context) {
  PATCHBAY_TRY(const auto reboot, module.needs_reboot(context));
  return print(std::string{to_string(reboot)});
}

Status ask_rollback(Module& module, Context& context) {
  PATCHBAY_TRY(const bool supported, module.supports_rollback(context));
  return print(supported ? "Yes" : "No");
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return lines;
}

std::optional<Description> described_by(const Facts& facts) {
  if (facts.description.empty() && facts.types.empty()) return std::nullopt;
  const auto types = lines_of(facts.types);
  return Description{.type = types.empty() ? "" : types.front(),
                     .description = std::string{facts.description},
                     .rollback = facts.rollback,
                     .reboot = facts.reboot,
                     .streams = facts.streams,
                     .needs_rollback_space = facts.needs_rollback_space,
                     .network = facts.network,
                     .version = std::string{facts.version},
                     .writes = lines_of(facts.writes)};
}

Status ask_description(Module& module, const Facts& facts, Context& context) {
  PATCHBAY_TRY(auto description, module.describe(context));
  if (!description) description = described_by(facts);
  return print(description ? to_json(*description) : "");
}

Status ask_plan(Module& module, Context& context) {
  PATCHBAY_TRY(const auto lines, module.plan(context));
  std::string text;
  for (const auto& line : lines)
    text += (text.empty() ? "" : "\n") + line;
  return print(std::move(text));
}

// A client too old to announce sizes must be told before it has sent everything.
Status download_without_sizes(Module& module, Context& context) {
  PATCHBAY_TRY(const bool wanted, module.provide_payload_file_sizes(context));
  if (wanted && module.requires_payload_file_sizes())
    return Error{
        "this module needs the payload's file sizes, which this client does not give; "
        "update the client first"};
  PayloadStream stream{context};
  return module.download(context, stream);
}

Status download_with_sizes(Module& module, Context& context) {
  PayloadStream stream{context};
  return module.download(context, stream);
}

template <Status (Module::*State)(Context&)>
Status state(Module& module, Context& context) {
  return (module.*State)(context);
}

struct Call {
  std::string_view name;
  Status (*serve)(Module&, Context&);
};

constexpr std::array kCalls{
    Call{"ProvidePayloadFileSizes", ask_sizes},
    Call{"NeedsArtifactReboot", ask_reboot},
    Call{"SupportsRollback", ask_rollback},
    Call{"Plan", ask_plan},
    Call{"Download", download_without_sizes},
    Call{"DownloadWithFileSizes", download_with_sizes},
    Call{"ArtifactInstall", state<&Module::install>},
    Call{"ArtifactReboot", state<&Module::reboot>},
    Call{"ArtifactVerifyReboot", state<&Module::verify_reboot>},
    Call{"ArtifactCommit", state<&Module::commit>},
    Call{"ArtifactRollback", state<&Module::rollback>},
    Call{"ArtifactRollbackReboot", state<&Module::rollback_reboot>},
    Call{"ArtifactVerifyRollbackReboot", state<&Module::verify_rollback_reboot>},
    Call{"ArtifactFailure", state<&Module::failure>},
    Call{"Cleanup", state<&Module::cleanup>},
};

int progress_descriptor() {
  const char* const text = std::getenv("PATCHBAY_PROGRESS_FD");
  if (text == nullptr) return -1;
  int fd = -1;
  const std::string_view digits{text};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);
  const bool is_number = error == std::errc{} && end == digits.data() + digits.size();
  if (!is_number || fd < 3 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return -1;
  return fd;
}

// What the client understands beside progress, a word each.
bool client_has(std::string_view feature) {
  const char* const text = std::getenv("PATCHBAY_FEATURES");
  if (text == nullptr) return false;
  for (std::string_view rest = text; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    if (word == feature) return true;
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return false;
}

void on_term(int) {
  stop_requested = 1;
}

void prepare_signals(const Facts& facts) {
  // A client that has gone away shows as a failed write, not as our death half way.
  ::signal(SIGPIPE, SIG_IGN);
  if (!facts.asks_to_stop) return;
  // Without SA_RESTART: what blocks has to notice.
  struct sigaction action {};
  action.sa_handler = on_term;
  ::sigaction(SIGTERM, &action, nullptr);
}

Status serve(Module& module, const Facts& facts, std::string_view name, Context& context) {
  if (name == "Describe") return ask_description(module, facts, context);
  for (const auto& call : kCalls) {
    if (call.name == name) return call.serve(module, context);
  }
  return Done{};
}

}  // namespace

volatile std::sig_atomic_t stop_requested = 0;

int run_executable(Module& module, int argc, const char* const* argv) {
  return run_executable(module, Facts{}, argc, argv);
}

int run_executable(Module& module, const Facts& facts, int argc, const char* const* argv) {
  constexpr int kUsage = 64;
  prepare_signals(facts);
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CALL WORK-TREE (update-module protocol, version 3)\n",
                 argc > 0 ? argv[0] : "module");
    return kUsage;
  }
  const int progress = progress_descriptor();
  Context context{argc == 3 ? argv[2] : "", progress, progress >= 0 && client_has("skip"),
                  progress >= 0 && client_has("zero-copy")};
  try {
    const auto status = serve(module, facts, argv[1], context);
    if (status) return 0;
    context.log(std::string{argv[1]} + ": " + status.error().message());
  } catch (const std::exception& error) {
    context.log(std::string{argv[1]} + ": internal error: " + error.what());
  } catch (...) {
    context.log(std::string{argv[1]} + ": internal error");
  }
  return 1;
}

}  // namespace patchbay::module
