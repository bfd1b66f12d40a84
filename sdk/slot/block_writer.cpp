#include "sdk/slot/block_writer.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/channel.hpp"

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

constexpr std::size_t kBlock = 64 * 1024;  // what is equal is left out in pieces of this
constexpr std::uint64_t kNothingEqual = std::uint64_t{8} * 1024 * 1024;  // then samples are enough
constexpr unsigned kSamples = 4;
constexpr std::size_t kSample = 4096;

/// Compares pieces with the device and writes what differs, on a thread of its own, so that it
/// overlaps with the arrival and the hashing of the next.
///
/// To read what is there takes a good part of the time that writing takes, and is for nothing when
/// the image is another altogether. So after a stretch without an equal block, the beginnings of
/// some blocks tell whether to compare a piece. Where equal blocks begin again, some are written
/// then: about half a megabyte each time, if they are scattered, and none if a whole piece is
/// equal.
class Comparer {
 public:
  explicit Comparer(DeviceIo& io) : io_{io}, thread_{[this] { work(); }} {
    for (std::size_t i = 0; i < kPieces; ++i)
      free_.push(Piece{});
  }
  Comparer(const Comparer&) = delete;
  Comparer& operator=(const Comparer&) = delete;
  ~Comparer() { full_.close(); }

  /// An empty piece to fill; the error of the other thread, once it has one.
  Result<Piece> take() {
    auto piece = free_.pop();
    if (failed_.load()) return *failure_;
    return *std::move(piece);
  }
  void give(Piece piece) { full_.push(std::move(piece)); }

  /// Waits for all that was given. The count of bytes written.
  Result<std::uint64_t> finish() {
    full_.close();
    thread_.join();
    if (failed_.load()) return *failure_;
    return written_;
  }

 private:
  void work() {
    while (auto piece = full_.pop()) {
      if (!failed_.load()) {
        if (auto status = bring(*piece); !status) {
          failure_ = status.error();
          failed_.store(true);
        }
      }
      free_.push(*std::move(piece));
    }
  }

  Status bring(Piece& piece) {
    const auto size = io_.aligned(piece.count);
    const auto fresh = piece.buffer.first(size);
    if (different_ >= kNothingEqual && piece.count == kPiece) {
      PATCHBAY_TRY(const bool equal, sample_is_equal(piece));
      if (!equal) return write(fresh, piece.offset);
    }
    const auto written_before = written_;
    PATCHBAY_CHECK(write_differences(piece, fresh));
    different_ = written_ - written_before == size ? different_ + size : 0;
    return Done{};
  }

  /// Looks at the beginning of some blocks, of others in each piece.
  Result<bool> sample_is_equal(const Piece& piece) {
    constexpr std::uint64_t kBlocks = kPiece / kBlock;
    constexpr std::uint64_t kTurn = 11;  // comes round to each block
    constexpr std::uint64_t kApart = 9;  // spread over the piece, on odd and even ones
    const auto old = old_.first(io_.aligned(kSample));
    for (std::uint64_t i = 0; i < kSamples; ++i) {
      const auto block = (piece.offset / kPiece * kTurn + i * kApart) % kBlocks;
      const auto at = static_cast<std::size_t>(block) * kBlock;
      PATCHBAY_CHECK(io_.read(old, piece.offset + at));
      if (std::memcmp(old.data(), piece.buffer.all().data() + at, old.size()) == 0) return true;
    }
    return false;
  }

  Status write_differences(const Piece& piece, std::span<std::byte> fresh) {
    const auto size = fresh.size();
    const auto old = old_.first(size);
    PATCHBAY_CHECK(io_.read(old, piece.offset));
    // What shares its sector with the end of the image stays.
    std::copy(old.begin() + static_cast<std::ptrdiff_t>(piece.count), old.end(),
              fresh.begin() + static_cast<std::ptrdiff_t>(piece.count));
    std::size_t at = 0;
    while (at < size) {
      const auto from = skip(fresh, old, at, true);
      const auto to = skip(fresh, old, from, false);
      if (from < to) PATCHBAY_CHECK(write(fresh.subspan(from, to - from), piece.offset + from));
      at = to;
    }
    return Done{};
  }

  Status write(std::span<const std::byte> bytes, std::uint64_t offset) {
    written_ += bytes.size();
    return io_.write(bytes, offset);
  }

  // From block to block, while they are equal (or while they are not).
  static std::size_t skip(std::span<const std::byte> a, std::span<const std::byte> b,
                          std::size_t at, bool equal) {
    while (at < a.size()) {
      const auto count = std::min(kBlock, a.size() - at);
      if ((std::memcmp(a.data() + at, b.data() + at, count) == 0) != equal) return at;
      at += count;
    }
    return at;
  }

  DeviceIo& io_;
  Buffer old_;
  Channel<Piece> free_;
  Channel<Piece> full_;
  std::uint64_t written_ = 0;
  std::uint64_t different_ = 0;  ///< bytes since the last block that was equal
  std::optional<Error> failure_;
  std::atomic<bool> failed_{false};
  std::jthread thread_;
};

}  // namespace

Result<WrittenImage> write_blocks(const ImageRequest& request, const ImageSource& source,
                                  DeviceIo& io) {
  Comparer comparer{io};
  Arrival arrival{request, source};
  while (true) {
    PATCHBAY_TRY(auto piece, comparer.take());
    piece.offset = arrival.size();
    PATCHBAY_TRY(piece.count, arrival.fill(piece.buffer.all()));
    if (piece.count == 0) break;
    comparer.give(std::move(piece));
  }
  PATCHBAY_TRY(const auto written, comparer.finish());
  return arrival.finish(written);
}

}  // namespace patchbay::slot
