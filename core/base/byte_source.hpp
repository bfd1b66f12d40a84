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

  /// Goes on by `count` bytes without giving them out; what can be left out of reading or transfer
  /// is. Fails if the stream ends before that. As read() otherwise; this default reads on.
  virtual Status skip(std::uint64_t count);

  /// Length of the whole stream in bytes when it is known beforehand (for progress only).
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
};

/// The error of a skip() that `missing` bytes were not there for.
Error ends_early(std::uint64_t missing);

}  // namespace patchbay
