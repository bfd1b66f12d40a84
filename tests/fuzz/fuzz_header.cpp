// Any bytes as a compressed header.tar, signed or augmented; the first byte picks which.

#include "core/artifact/decompress.hpp"
#include "core/artifact/header_reader.hpp"
#include "core/artifact/sources.hpp"
#include "fuzz_target.hpp"

namespace {

using namespace patchbay;

/// What the signed part has said before.
artifact::Header signed_part() {
  artifact::Header header;
  header.header_info = R"({"payloads":[{"type":"x"}],"artifact_provides":{"artifact_name":"n"},)"
                       R"("artifact_depends":{"device_type":["d"]}})";
  header.payloads.resize(1);
  header.payloads[0].type = "x";
  return header;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  artifact::Limits limits;
  limits.header_expanded_bytes = kMiB;
  artifact::MemorySource memory{fuzz::input_bytes(data + 1, size - 1)};
  const auto compression = static_cast<artifact::Compression>(data[0] % 4);
  const auto decoder = compression == artifact::Compression::none
                           ? nullptr
                           : artifact::make_decoder(compression, memory, limits);
  artifact::LimitedSource expanded{decoder ? *decoder : memory, limits.header_expanded_bytes};
  if ((data[0] & 4U) == 0) {
    static_cast<void>(artifact::read_header(expanded, limits));
  } else {
    static_cast<void>(artifact::read_header_augment(expanded, signed_part(), limits));
  }
  return 0;
}
