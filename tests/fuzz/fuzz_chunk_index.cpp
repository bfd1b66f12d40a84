// Any bytes as an index of chunks. Whatever is taken lies within image and pack, and is written
// again as the same bytes.

#include <cstdlib>
#include <string_view>

#include "fuzz_target.hpp"
#include "sdk/chunks/index.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  if (size < 4) return 0;
  // In front the size of the image, so that it can be the right one.
  const std::uint64_t image_size =
      data[0] | data[1] << 8U | data[2] << 16U | static_cast<std::uint64_t>(data[3]) << 24U;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 4, size - 4};
  const auto index = chunks::parse_index(bytes, image_size);
  if (!index) return 0;
  std::uint64_t at = 0;
  for (const auto& chunk : index->chunks) {
    if (chunk.stored == 0 || chunk.at + chunk.stored > index->pack_size) std::abort();
    at += chunk.size;
  }
  if (at != image_size || chunks::to_bytes(*index) != bytes) std::abort();
  return 0;
}
