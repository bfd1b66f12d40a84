#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "patchbay/result.hpp"

namespace patchbay::zstd {

/// Pieces that are compressed one by one, each into a frame of its own.
class Frames {
 public:
  /// Error: the library is missing; says how to get it.
  static module::Result<Frames> load();

  Frames(Frames&&) noexcept;
  Frames& operator=(Frames&&) noexcept;
  ~Frames();

  module::Result<std::vector<std::byte>> compress(std::span<const std::byte> piece, int level);
  /// Fills `piece`. Error: `frame` is something else than that many bytes.
  module::Status decompress(std::span<const std::byte> frame, std::span<std::byte> piece);

 private:
  struct State;
  explicit Frames(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::zstd
