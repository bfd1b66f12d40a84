#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/base/result.hpp"

namespace patchbay {

/// A stream of bytes that is pulled, once, front to back: a file, standard input, a URL.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills the front of `buffer` and returns how many bytes were written; 0 only at the end of the
  /// stream (`buffer` must not be empty). Blocks; may return less than asked for. One thread at a
  /// time. After an error no further call is made.
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;

  /// Length of the whole stream in bytes when it is known beforehand (for progress only).
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
};

}  // namespace patchbay
