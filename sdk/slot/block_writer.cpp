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

/// Compares pieces with the device and writes what differs, on a thread of its own, so that it
/// overlaps with the arrival and the hashing of the next.
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
        if (auto status = write_differences(*piece); !status) {
          failure_ = status.error();
          failed_.store(true);
        }
      }
      free_.push(*std::move(piece));
    }
  }

  Status write_differences(Piece& piece) {
    const auto size = io_.aligned(piece.count);
    const auto fresh = piece.buffer.first(size);
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
