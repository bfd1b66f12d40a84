#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "patchbay/result.hpp"

namespace patchbay::zstd {

/// Decompresses what comes piece by piece: one frame after the other.
///
/// Memory is that of a window of 8 MiB at most, which is what levels up to 19 make; a frame that
/// wants more is an error.
class Stream {
 public:
  /// Error: the library is missing; says how to get it.
  static module::Result<Stream> load();

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// The next of what is compressed; has to stay where it is until next() has given all of it.
  void take(std::string_view packed);
  /// Fills `out` as far as what was taken suffices; less than all of it: take() more.
  module::Result<std::size_t> next(std::span<char> out);
  /// Whether what was taken so far ends where a frame ends.
  [[nodiscard]] bool is_complete() const;

 private:
  struct State;
  explicit Stream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::zstd
