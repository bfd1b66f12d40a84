#include "modules/containers/vcdiff.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace patchbay::containers {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

// RFC 3284, section 4.1; the application header is of xdelta3.
constexpr std::string_view kMagic{"\xd6\xc3\xc4\x00", 4};
constexpr unsigned kSecondaryCompressor = 1;
constexpr unsigned kCodeTable = 2;
constexpr unsigned kApplicationHeader = 4;
// Section 4.2; the checksum is of xdelta3.
constexpr unsigned kFromSource = 1;
constexpr unsigned kFromTarget = 2;
constexpr unsigned kChecksum = 4;
constexpr std::uint64_t kMost = std::uint64_t{1} << 62U;

/// Takes a delta apart, front to back.
class Reader {
 public:
  explicit Reader(const Upload& read) : read_{&read} {}

  /// Nothing at the end.
  Result<std::optional<unsigned>> next() {
    if (at_ == filled_) {
      PATCHBAY_TRY(filled_, (*read_)(buffer_.data(), buffer_.size()));
      at_ = 0;
      if (filled_ == 0) return std::optional<unsigned>{};
    }
    ++position_;
    return std::optional<unsigned>{static_cast<unsigned char>(buffer_[at_++])};
  }
  Result<unsigned> byte() {
    PATCHBAY_TRY(const auto one, next());
    if (!one) return Error{"the delta ends in the middle"};
    return *one;
  }
  /// Seven bits a byte, the highest first; all but the last byte have their top bit set.
  Result<std::uint64_t> number() {
    std::uint64_t value = 0;
    while (true) {
      PATCHBAY_TRY(const unsigned one, byte());
      if (value > (kMost >> 7U)) return Error{"the delta holds a number that no file can have"};
      value = (value << 7U) | (one & 0x7FU);
      if ((one & 0x80U) == 0) return value;
    }
  }
  Status skip(std::uint64_t count) {
    while (count > 0) {
      const auto step = std::min<std::uint64_t>(count, filled_ - at_);
      at_ += static_cast<std::size_t>(step);
      position_ += step;
      count -= step;
      if (count == 0) break;
      PATCHBAY_CHECK(byte());
      --count;
    }
    return Done{};
  }
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  const Upload* read_;
  std::array<char, 64 * 1024> buffer_{};
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t position_ = 0;
};

Status skip_counted(Reader& reader) {
  PATCHBAY_TRY(const auto length, reader.number());
  return reader.skip(length);
}

Status read_head(Reader& reader) {
  for (const char wanted : kMagic) {
    PATCHBAY_TRY(const auto one, reader.next());
    if (one != static_cast<unsigned char>(wanted)) return Error{"it is no delta of xdelta3"};
  }
  PATCHBAY_TRY(const unsigned indicator, reader.byte());
  if ((indicator & kCodeTable) != 0) return Error{"the delta has a code table of its own"};
  if ((indicator & kSecondaryCompressor) != 0) PATCHBAY_CHECK(reader.byte());
  if ((indicator & kApplicationHeader) != 0) PATCHBAY_CHECK(skip_counted(reader));
  return Done{};
}

/// Bytes that the window makes.
Result<std::uint64_t> read_window(Reader& reader, unsigned indicator) {
  if ((indicator & ~(kFromSource | kFromTarget | kChecksum)) != 0) {
    return Error{"the delta has a window of an unknown kind"};
  }
  if ((indicator & (kFromSource | kFromTarget)) != 0) {
    PATCHBAY_CHECK(reader.number());
    PATCHBAY_CHECK(reader.number());
  }
  PATCHBAY_TRY(const auto length, reader.number());
  const auto begin = reader.position();
  PATCHBAY_TRY(const auto makes, reader.number());
  const auto read = reader.position() - begin;
  if (read > length) return Error{"the delta has a window that ends before it begins"};
  PATCHBAY_CHECK(reader.skip(length - read));
  return makes;
}

}  // namespace

Result<std::uint64_t> decoded_size(const Upload& read) {
  Reader reader{read};
  PATCHBAY_CHECK(read_head(reader));
  std::uint64_t size = 0;
  while (true) {
    PATCHBAY_TRY(const auto indicator, reader.next());
    if (!indicator) return size;
    PATCHBAY_TRY(const auto makes, read_window(reader, *indicator));
    if (makes > kMost - size) return Error{"the delta makes more than a file can hold"};
    size += makes;
  }
}

}  // namespace patchbay::containers
