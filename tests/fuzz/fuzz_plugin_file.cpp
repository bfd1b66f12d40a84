// Any bytes as the file of a plugin.

#include "core/host/plugin_file.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const auto facts = host::read_plugin_facts(fuzz::input_bytes(data, size));
  if (facts) static_cast<void>(host::describe_plugin(*facts, "probe"));
  return 0;
}
