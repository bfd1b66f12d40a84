// Any bytes as a compressed header.tar; the first byte picks the compression.

#include "core/artifact/decompress.hpp"
#include "core/artifact/header_reader.hpp"
#include "core/artifact/sources.hpp"
#include "fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  if (size == 0) return 0;
  artifact::Limits limits;
  limits.header_expanded_bytes = kMiB;
  artifact::MemorySource memory{fuzz::input_bytes(data + 1, size - 1)};
  const auto compression = static_cast<artifact::Compression>(data[0] % 4);
  const auto decoder = compression == artifact::Compression::none
                           ? nullptr
                           : artifact::make_decoder(compression, memory, limits);
  artifact::LimitedSource expanded{decoder ? *decoder : memory, limits.header_expanded_bytes};
  static_cast<void>(artifact::read_header(expanded, limits));
  return 0;
}
