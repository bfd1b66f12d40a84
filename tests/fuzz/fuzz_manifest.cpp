// Any bytes as the entry `manifest`.

#include "core/artifact/manifest.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  static_cast<void>(
      artifact::parse_manifest(as_text(fuzz::input_bytes(data, size)), artifact::Limits{}));
  return 0;
}
