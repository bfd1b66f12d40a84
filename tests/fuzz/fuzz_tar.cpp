// Any bytes as a tar archive.

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/sources.hpp"
#include "core/artifact/tar_reader.hpp"
#include "fuzz_target.hpp"

namespace patchbay::fuzz {
namespace {

using namespace artifact;

Status read_all(TarReader& tar) {
  while (true) {
    PB_TRY(const auto entry, tar.next());
    if (!entry) return tar.finish();
    while (true) {
      PB_TRY(const ByteSpan bytes, tar.view());
      if (bytes.empty()) break;
    }
  }
}

}  // namespace
}  // namespace patchbay::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  const artifact::Limits limits;
  artifact::MemorySource memory{fuzz::input_bytes(data, size)};
  artifact::BufferedSource source{memory, 700};
  artifact::TarReader tar{source, limits, artifact::TarReader::EndMarker::required};
  static_cast<void>(fuzz::read_all(tar));
  return 0;
}
