#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace patchbay::slot {

/// The sums of an image's pieces, in order: what is on a device can be held against them by several
/// threads, and from any piece on. All pieces have the same size, but the last may be shorter.
class PieceSums {
 public:
  PieceSums() = default;
  /// `sums`: 64 hexadecimal digits for each piece, one after the other.
  PieceSums(std::uint64_t piece_size, std::string sums)
      : piece_size_{piece_size}, sums_{std::move(sums)} {}

  /// Bytes of a piece; 0: there are no sums.
  [[nodiscard]] std::uint64_t piece_size() const { return piece_size_; }
  [[nodiscard]] std::uint64_t count() const { return sums_.size() / kDigits; }
  /// SHA-256 of piece `index`, in hex.
  [[nodiscard]] std::string_view of(std::uint64_t index) const {
    return std::string_view{sums_}.substr(static_cast<std::size_t>(index) * kDigits, kDigits);
  }
  /// Whether an image of `size` bytes has as many pieces.
  [[nodiscard]] bool fit(std::uint64_t size) const {
    return piece_size_ > 0 && count() == (size + piece_size_ - 1) / piece_size_;
  }

 private:
  static constexpr std::size_t kDigits = 64;
  std::uint64_t piece_size_ = 0;
  std::string sums_;
};

}  // namespace patchbay::slot
