// Any bytes as a delta whose size is asked for.

#include <algorithm>

#include "fuzz_target.hpp"
#include "modules/containers/vcdiff.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay;
  std::size_t done = 0;
  static_cast<void>(containers::decoded_size([&](char* buffer, std::size_t room) {
    const std::size_t count = std::min({room, size - done, std::size_t{700}});
    std::copy_n(data + done, count, buffer);
    done += count;
    return module::Result<std::size_t>{count};
  }));
  return 0;
}
