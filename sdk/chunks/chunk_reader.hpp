#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "patchbay/result.hpp"
#include "sdk/chunks/index.hpp"

namespace patchbay::chunks {

/// Cuts what it reads into chunks. Memory in use is a few times `rules.most`.
class ChunkReader {
 public:
  /// The next bytes; 0 at the end.
  using Source = std::function<module::Result<std::size_t>(std::span<std::byte>)>;

  /// The rules have to be those of a parsed index, or the default.
  ChunkReader(const CutRules& rules, Source source);

  /// The next chunk, valid until the next call; empty at the end.
  module::Result<std::span<const std::byte>> next();

 private:
  module::Status refill();

  CutRules rules_;
  Source source_;
  std::vector<std::byte> buffer_;
  std::size_t from_ = 0;  // what of the buffer has not been handed out
  std::size_t to_ = 0;
  bool ended_ = false;
};

}  // namespace patchbay::chunks
