#pragma once

#include <functional>
#include <memory>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {

/// Compresses one block independently of all others. Used by one thread at a time.
class BlockEncoder {
 public:
  virtual ~BlockEncoder() = default;
  /// Replaces the content of `out`.
  virtual Status encode(ByteSpan block, ByteVector& out) = 0;
};

using MakeBlockEncoder = std::function<Result<std::unique_ptr<BlockEncoder>>()>;

/// Cuts the input into blocks of `block_bytes`, has them encoded by `threads` threads and writes
/// the results in order. An input of nothing is one empty block. Threads are started with the
/// second block, so that small inputs cost none; at most two blocks a thread are in memory.
Result<std::unique_ptr<Compressor>> make_block_compressor(const MakeBlockEncoder& make_encoder,
                                                          std::size_t block_bytes, unsigned threads,
                                                          ByteSink& out);

}  // namespace patchbay::artifact
