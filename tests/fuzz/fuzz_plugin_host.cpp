// Any bytes from a client to the module host, with a plugin that uses all the host offers.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "core/host/module_host.hpp"
#include "fuzz_target.hpp"

struct pb_module {
  const pb_host_t* host;
};

namespace {

int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t*) {
  *module = new pb_module{host};
  return PB_OK;
}

void destroy(pb_module_t* module) {
  delete module;
}

int32_t download(pb_module_t* module, pb_error_t* error) {
  pb_file_t file{};
  file.size = sizeof file;
  std::array<char, 512> buffer{};
  int32_t code = PB_OK;
  while ((code = module->host->next_file(module->host, &file, error)) == PB_OK) {
    uint64_t count = 1;
    while (count != 0 && code == PB_OK)
      code = module->host->read(module->host, buffer.data(), buffer.size(), &count, error);
  }
  return code == PB_END ? PB_OK : code;
}

int32_t answer(pb_module_t*, int32_t* answer, pb_error_t*) {
  *answer = PB_AUTOMATIC;
  return PB_OK;
}

int32_t talk(pb_module_t* module, pb_error_t* error) {
  module->host->log(module->host, 77, pb_string("text"));
  module->host->progress(module->host, 500);
  return pb_fail(error, 1234, "as told");
}

constexpr pb_plugin_t plugin_for_fuzzing() {
  pb_plugin_t plugin{};
  plugin.size = sizeof plugin;
  plugin.interface_major = PB_INTERFACE_MAJOR;
  plugin.create = create;
  plugin.destroy = destroy;
  plugin.needs_artifact_reboot = answer;
  plugin.download = download;
  plugin.artifact_install = talk;
  return plugin;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return 0;
  host::FrameSocket socket{UniqueFd{ends[0]}};
  UniqueFd client{ends[1]};
  const auto bytes = fuzz::input_bytes(data, size);
  std::jthread writer{[&] {
    static_cast<void>(!::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    ::shutdown(client.get(), SHUT_WR);
    std::array<char, 4096> replies{};
    while (::recv(client.get(), replies.data(), replies.size(), 0) > 0) {
    }
  }};
  static constexpr pb_plugin_t kPlugin = plugin_for_fuzzing();
  static_cast<void>(host::serve_plugin(kPlugin, {"probe", ""}, socket));
  ::shutdown(socket.fd(), SHUT_RDWR);
  return 0;
}
