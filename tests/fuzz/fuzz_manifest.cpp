// Any bytes as the entries `manifest` and `manifest-augment`.

#include "core/artifact/manifest.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const std::string_view text = as_text(fuzz::input_bytes(data, size));
  static_cast<void>(artifact::parse_manifest(text, artifact::Limits{}));
  static_cast<void>(artifact::parse_manifest_augment(text, artifact::Limits{}));
  return 0;
}
