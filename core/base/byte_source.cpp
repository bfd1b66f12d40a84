#include "core/base/byte_source.hpp"

#include <algorithm>
#include <memory>

#include "core/base/bytes.hpp"

namespace patchbay {

Status ByteSource::skip(std::uint64_t count) {
  constexpr std::uint64_t kStep = 64 * kKiB;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStep);
  while (count > 0) {
    PB_TRY(const std::size_t got, read({buffer.get(), in_memory(std::min(count, kStep))}));
    if (got == 0) return ends_early(count);
    count -= got;
  }
  return Done{};
}

Error ends_early(std::uint64_t missing) {
  return {ErrorCode::invalid_input,
          "truncated: it ends " + std::to_string(missing) + " bytes too early"};
}

}  // namespace patchbay
