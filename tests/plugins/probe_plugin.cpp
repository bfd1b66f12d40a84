// A plugin that does what the test tells it, by environment: PROBE_<call>=<action>. Each call is
// added to $OUT/calls. Built several times, for every kind of interface version (CMakeLists.txt).

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "patchbay/module.h"

#ifndef PROBE_MAJOR
#define PROBE_MAJOR PB_INTERFACE_MAJOR
#define PROBE_MINOR PB_INTERFACE_MINOR
#define PROBE_NEEDS_MINOR 0
#endif
#ifndef PROBE_CAPABILITIES
#define PROBE_CAPABILITIES PB_CAPABILITY_ROLLBACK
#endif

struct pb_module {
  const pb_host_t* host;
  int calls = 0;
};

namespace {

std::string setting(const std::string& name) {
  const char* const value = ::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

void leave(const std::string& file, const std::string& text) {
  std::ofstream{setting("OUT") + "/" + file, std::ios::app} << text << "\n";
}

[[noreturn]] void hang() {
  for (;;)
    ::pause();
}

void smash_heap() {
  auto* const block = static_cast<volatile char*>(::malloc(24));
  for (int i = -16; i < 64; ++i)
    block[i] = 'x';
  ::free(const_cast<char*>(block));
  for (int i = 1; i < 4096; i += 16)
    ::free(::malloc(static_cast<size_t>(i)));
  ::abort();
}

int32_t wait_for_cancel(pb_module_t* module, pb_error_t* error) {
  const pb_host_t& host = *module->host;
  while (host.is_cancelled(&host) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  leave("cancelled", "yes");
  return pb_fail(error, PB_CANCELLED, "stopped at a safe place");
}

int32_t report(const pb_host_t& host) {
  host.log(&host, PB_LOG_WARNING, pb_string("a warning"));
  host.progress(&host, 42);
  host.progress(&host, 42);
  host.status(&host, pb_string("half way"));
  return PB_OK;
}

int32_t keep_state(const pb_host_t& host, pb_error_t* error) {
  return host.set_state(&host, pb_string("slot"), "b\0c", 3, error);
}

int32_t recall_state(const pb_host_t& host, pb_error_t* error) {
  char value[8];
  uint64_t size = 0;
  const int32_t code = host.get_state(&host, pb_string("slot"), value, sizeof value, &size, error);
  if (code != PB_OK) return code;
  leave("recalled", std::to_string(size) + std::string{value, 1});
  return host.remove_state(&host, pb_string("slot"), error);
}

int32_t write_to_closed_socket() {
  // What a stray write of a plugin could do: descriptor 3 is the host's.
  const char junk[] = "this is no frame at all, is it?";
  return ::write(3, junk, sizeof junk) > 0 ? PB_OK : PB_FAILED;
}

int32_t act(const std::string& action, pb_module_t* module, pb_error_t* error) {
  const pb_host_t& host = *module->host;
  if (action == "fail") return pb_fail(error, PB_FAILED, "cannot mount /boot");
  if (action == "fail-silently") return 77;
  if (action == "no-space") return pb_fail(error, PB_NO_SPACE, "/data needs 4 MiB more");
  if (action == "crash") ::raise(SIGSEGV);
  if (action == "abort") ::abort();
  if (action == "exit") ::exit(0);
  if (action == "smash-heap") smash_heap();
  if (action == "hang") hang();
  if (action == "fork-and-exit" && ::fork() == 0) {
    ::alarm(20);  // nobody ends what a plugin leaves behind
    hang();
  }
  if (action == "fork-and-exit") ::_exit(3);
  if (action == "throw") throw std::runtime_error{"bottle out of window"};
  if (action == "throw-number") throw 7;
  if (action == "wait-for-cancel") return wait_for_cancel(module, error);
  if (action == "report") return report(host);
  if (action == "keep-state") return keep_state(host, error);
  if (action == "recall-state") return recall_state(host, error);
  if (action == "junk") return write_to_closed_socket();
  if (action == "close-socket") return ::close(3) == 0 ? PB_OK : PB_FAILED;
  if (action == "ask-file") {
    pb_file_t file{};
    file.size = sizeof file;
    return host.next_file(&host, &file, error);
  }
  if (action == "bad-key") return host.set_state(&host, pb_string("../x"), "", 0, error);
  if (action == "complain") return std::fprintf(stderr, "the flash is worn out\n"), -1;
  if (action == "print") std::puts("out"), std::fprintf(stderr, "err\n");
  if (action == "flood-log")
    for (int i = 0; i < 200'000; ++i)
      host.log(&host, PB_LOG_INFO, pb_string("spam spam spam spam"));
  if (action == "flood-output")
    for (int i = 0; i < 200'000; ++i)
      std::puts("spam spam spam spam");
  if (action == "flood-progress")
    for (uint32_t i = 0; i < 200'000; ++i)
      host.progress(&host, i % 100);
  return PB_OK;
}

int32_t run(const char* name, pb_module_t* module, pb_error_t* error) {
  leave("calls", name);
  ++module->calls;
  const std::string action = setting(std::string{"PROBE_"} + name);
  return action.empty() ? PB_OK : act(action, module, error);
}

int32_t describe_process(const pb_host_t& host) {
  leave("env", setting("PATH") + "|" + setting("SECRET"));
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  leave("core", std::to_string(core.rlim_cur));
  leave("paths", host.path(&host, PB_PATH_TREE).data);
  leave("paths", host.path(&host, PB_PATH_TMP).data);
  leave("paths", host.path(&host, PB_PATH_FILES).data);
  leave("paths", std::to_string(host.path(&host, 99).size));
  leave("type", host.payload_type(&host).data);
  leave("extension",
        host.extension(&host, pb_string("patchbay.none"), 1) == nullptr ? "none" : "?");
  return PB_OK;
}

int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  const std::string action = setting("PROBE_create");
  if (action == "fail") return pb_fail(error, PB_INVALID, "no such device");
  if (action == "nothing") return PB_OK;
  if (action == "crash") ::raise(SIGSEGV);
  if (action == "describe") describe_process(*host);
  *module = new pb_module{host};
  return PB_OK;
}

void destroy(pb_module_t* module) {
  const std::string action = setting("PROBE_destroy");
  if (action == "crash") ::raise(SIGSEGV);
  if (action == "hang") hang();
  if (action == "leave-thread") std::thread{hang}.detach();
  if (action == "join-thread") std::thread{[] {}}.join();
  leave("destroyed", std::to_string(module->calls));
  delete module;
}

int32_t answer_of(const char* name, pb_module_t* module, int32_t* answer, pb_error_t* error) {
  const std::string told = setting(std::string{"PROBE_"} + name);
  if (told == "Yes") *answer = PB_YES;
  if (told == "Automatic") *answer = PB_AUTOMATIC;
  if (told == "strange") *answer = 1234;
  const int32_t code = run(name, module, error);
  return told == "fail" ? PB_FAILED : code;
}

int32_t sizes(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  return answer_of("ProvidePayloadFileSizes", module, answer, error);
}
int32_t reboot(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  return answer_of("NeedsArtifactReboot", module, answer, error);
}
int32_t rollback(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  *answer = PB_YES;
  return answer_of("SupportsRollback", module, answer, error);
}

int32_t leave_out(const pb_host_t& host, pb_error_t* error) {
  const auto* const extension =
      static_cast<const pb_skip_v1_t*>(host.extension(&host, pb_string(PB_EXTENSION_SKIP), 1));
  if (extension == nullptr) return pb_fail(error, PB_UNSUPPORTED, "no " PB_EXTENSION_SKIP);
  return extension->skip(&host, error);
}

// As much as told of what comes, and no more.
int32_t read_some(pb_module_t* module, const std::string& how, pb_error_t* error) {
  const pb_host_t& host = *module->host;
  pb_file_t file{};
  file.size = sizeof file;
  char buffer[100];
  uint64_t count = 0;
  int32_t code = PB_OK;
  if (how != "leave-out-all") code = host.next_file(&host, &file, error);
  if (code == PB_OK && how == "leave-out-rest")
    code = host.read(&host, buffer, sizeof buffer, &count, error);
  if (code == PB_OK && how == "leave-out-late")
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  if (code == PB_OK) code = leave_out(host, error);
  if (code == PB_OK && host.next_file(&host, &file, error) != PB_END)
    return pb_fail(error, PB_FAILED, "there is more");
  return how == "leave-out-and-fail" ? pb_fail(error, PB_FAILED, "not mounted") : code;
}

// Reads every file to its end, or as told, and leaves its name, size and content.
int32_t read_files(pb_module_t* module, const std::string& how, pb_error_t* error) {
  const pb_host_t& host = *module->host;
  pb_file_t file{};
  file.size = sizeof file;
  int32_t code = PB_OK;
  while ((code = host.next_file(&host, &file, error)) == PB_OK) {
    std::string content;
    std::vector<char> buffer(how == "read-bytewise" ? 1 : 65536);
    uint64_t count = 0;
    if (how == "take-and-close") {
      int32_t fd = -1;
      if (host.take_stream(&host, &fd, error) == PB_OK) ::close(fd);
      continue;
    }
    if (how == "stop-in-the-middle") return PB_OK;
    while (how != "skip" &&
           (code = host.read(&host, buffer.data(), buffer.size(), &count, error)) == PB_OK &&
           count != 0)
      content.append(buffer.data(), count);
    if (code != PB_OK) return code;
    if (content.size() > 100) content = std::to_string(content.size());
    leave("files", std::string{file.name, static_cast<std::size_t>(file.name_length)} + " " +
                       std::to_string(file.bytes) + " " + content);
    if (how == "crash-after-first") ::raise(SIGSEGV);
    if (how == "hang-after-first") hang();
  }
  return code == PB_END ? PB_OK : code;
}

int32_t download(pb_module_t* module, pb_error_t* error) {
  const int32_t code = run("Download", module, error);
  const std::string how = setting("PROBE_stream");
  if (code != PB_OK || how.empty()) return code;
  return how.starts_with("leave-out") ? read_some(module, how, error)
                                      : read_files(module, how, error);
}

template <const char* Name>
int32_t state(pb_module_t* module, pb_error_t* error) {
  return run(Name, module, error);
}

int32_t plan(pb_module_t*, void (*line)(void*, pb_text_t), void* data, pb_error_t*) {
  line(data, pb_string("replace one thing"));
  line(data, pb_string("and another"));
  return PB_OK;
}

const pb_plan_v1_t kPlan{sizeof kPlan, 1, plan};

const void* extension(pb_module_t*, pb_text_t id, uint32_t version) {
  return pb_text_is(id, PB_EXTENSION_PLAN) && version == 1 ? &kPlan : nullptr;
}

constexpr char kInstall[] = "ArtifactInstall";
constexpr char kReboot[] = "ArtifactReboot";
constexpr char kVerify[] = "ArtifactVerifyReboot";
constexpr char kCommit[] = "ArtifactCommit";
constexpr char kRollback[] = "ArtifactRollback";
constexpr char kRollbackReboot[] = "ArtifactRollbackReboot";
constexpr char kVerifyRollback[] = "ArtifactVerifyRollbackReboot";
constexpr char kFailure[] = "ArtifactFailure";
constexpr char kCleanup[] = "Cleanup";

constexpr pb_plugin_t kProbe = {
    sizeof(pb_plugin_t),
    PROBE_MAJOR,
    PROBE_MINOR,
    PROBE_NEEDS_MINOR,
    {0, 0, 0},
    PROBE_CAPABILITIES,
    "probe\nother",
    "1.2-test",
    "Does what \"the test\" says",
    "/etc/probe\n/opt/probe",
    create,
    destroy,
    sizes,
    reboot,
    rollback,
    download,
    state<kInstall>,
    state<kReboot>,
    state<kVerify>,
    state<kCommit>,
    state<kRollback>,
    state<kRollbackReboot>,
    state<kVerifyRollback>,
    state<kFailure>,
    state<kCleanup>,
    extension,
};

}  // namespace

#ifdef PROBE_LATER
// A plugin of a later minor version: its struct goes on after what this host knows.
struct LaterPlugin {
  pb_plugin_t known;
  int32_t (*artifact_polish)(pb_module_t*, pb_error_t*);
  char more[256];
};
static int32_t never_called(pb_module_t*, pb_error_t*) {
  ::abort();
}
static constexpr pb_plugin_t longer_probe() {
  pb_plugin_t plugin = kProbe;
  plugin.size = sizeof(LaterPlugin);
  return plugin;
}
extern "C" {
extern PB_EXPORT const LaterPlugin later_plugin __asm__("pb_plugin_v1");
const LaterPlugin later_plugin = {longer_probe(), never_called, "of a later version"};
}
#elif defined(PROBE_SHORT)
// The oldest there could be: a struct that ends with create and destroy.
static constexpr pb_plugin_t shortest_probe() {
  pb_plugin_t plugin = kProbe;
  plugin.size = offsetof(pb_plugin_t, provide_payload_file_sizes);
  return plugin;
}
const pb_plugin_t pb_plugin_v1 = shortest_probe();
#else
const pb_plugin_t pb_plugin_v1 = kProbe;
#endif
