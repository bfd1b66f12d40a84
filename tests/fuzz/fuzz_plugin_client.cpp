// Any bytes from a module host to the client: what a plugin that has taken its process over could
// send. The host is this very program, which then only passes the bytes on.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/host/module_host.hpp"
#include "core/host/plugin_process.hpp"
#include "core/os/file.hpp"
#include "fuzz_target.hpp"

namespace {

using namespace patchbay;

// Runs before any main(): this program started as the module host. Its "plugin" is the input.
[[gnu::constructor]] void pretend_to_be_the_host(int argc, char** argv, char**) {
  if (argc < 2 || std::strcmp(argv[1], host::kModuleHostCommand) != 0) return;
  std::array<char, 4096> buffer{};
  ::lseek(host::kHostPlugin, 0, SEEK_SET);
  for (ssize_t got = 0; (got = ::read(host::kHostPlugin, buffer.data(), buffer.size())) > 0;)
    static_cast<void>(
        !::send(host::kHostSocket, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL));
  ::_exit(0);
}

void parse_in_pieces(ByteSpan bytes) {
  host::FrameReader reader;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(7, bytes.size()))) {
    reader.feed(bytes.first(std::min<std::size_t>(7, bytes.size())));
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return;
      if (!*frame) break;
    }
  }
}

void converse(ByteSpan bytes) {
  host::CheckedPlugin plugin;
  plugin.fd.reset(::memfd_create("input", MFD_CLOEXEC));
  if (!plugin.fd || !os::write_all(plugin.fd.get(), bytes)) return;
  NullLog log;
  host::CallContext context{{"probe", "/probe.so", host::Binding::plugin}, "/", {}, &log, nullptr};
  context.settings.timeout = std::chrono::seconds{5};
  auto process = host::PluginProcess::start(context, plugin);
  if (!process) std::abort();
  (*process)->begin(host::Call::artifact_install);
  if (!(*process)->await_ready()) return;
  while ((*process)->receive()) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::input_bytes(data, size);
  parse_in_pieces(bytes);
  converse(bytes);
  return 0;
}
