#include "sdk/slot/read_back.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/channel.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::slot {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

/// Reads the front of the device ahead, on a thread of its own, so that it overlaps with hashing.
class ReadAhead {
 public:
  ReadAhead(const DeviceIo& io, std::uint64_t size)
      : io_{io}, size_{size}, thread_{[this] { work(); }} {
    for (std::size_t i = 0; i < kPieces; ++i)
      free_.push(Piece{});
  }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() { free_.close(); }

  /// The next piece, in order; nothing at the end, and after an error.
  std::optional<Piece> next() { return full_.pop(); }
  void give_back(Piece piece) { free_.push(std::move(piece)); }
  /// After the last piece: whether everything could be read.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void work() {
    for (std::uint64_t at = 0; at < size_ && status_;) {
      auto piece = free_.pop();
      if (!piece) break;
      piece->offset = at;
      piece->count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size_ - at));
      at += piece->count;
      status_ = io_.read(piece->buffer.first(io_.aligned(piece->count)), piece->offset);
      if (status_) full_.push(*std::move(piece));
    }
    full_.close();
  }

  const DeviceIo& io_;
  std::uint64_t size_;
  Channel<Piece> free_;
  Channel<Piece> full_;
  Status status_ = Done{};
  std::jthread thread_;
};

}  // namespace

Result<std::string> sum_on_device(const ImageRequest& request, std::uint64_t size,
                                  const DeviceIo& io) {
  ReadAhead pieces{io, size};
  Sha256 sum;
  while (auto piece = pieces.next()) {
    sum.update(piece->buffer.first(piece->count));
    report(request, piece->offset + piece->count, kWriteShare, 100 - kWriteShare);
    pieces.give_back(*std::move(piece));
  }
  PATCHBAY_CHECK(pieces.status());
  return sum.finish();
}

Status read_back(const ImageRequest& request, const WrittenImage& image, const DeviceIo& io) {
  PATCHBAY_TRY(const auto have, sum_on_device(request, image.size, io));
  if (have == image.sum) return Done{};
  const auto& path = request.target.path;
  if (request.expected_sum.empty())
    return Error{"what was written to " + path + " does not come back from there: SHA-256 " + have +
                 " instead of " + image.sum + "; is the device worn out?"};
  return Error{"what is on " + path + " now has the SHA-256 " + have +
               ", but the artifact's rootfs-image.checksum says " + image.sum +
               "; either the artifact was made wrong, or the device is worn out"};
}

}  // namespace patchbay::slot
