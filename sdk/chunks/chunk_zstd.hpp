#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::chunks {

/// zstd for one chunk at a time, each a frame of its own. The library is loaded when it is needed.
class ChunkZstd {
 public:
  /// Error: the library is missing; says how to get it.
  static module::Result<ChunkZstd> load();

  ChunkZstd(ChunkZstd&&) noexcept;
  ChunkZstd& operator=(ChunkZstd&&) noexcept;
  ~ChunkZstd();

  module::Result<std::vector<std::byte>> compress(std::span<const std::byte> chunk, int level);
  /// Fills `chunk`. Error: `stored` is something else than that many bytes.
  module::Status decompress(std::span<const std::byte> stored, std::span<std::byte> chunk);

 private:
  struct State;
  explicit ChunkZstd(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::chunks
