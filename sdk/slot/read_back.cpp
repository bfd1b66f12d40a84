#include "sdk/slot/read_back.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include "sdk/slot/arrival.hpp"
#include "sdk/slot/channel.hpp"
#include "sdk/slot/piece_check.hpp"
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

/// The SHA-256, in hex, of the first `size` bytes of the device.
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

Status compare_pieces(const ImageRequest& request, std::uint64_t size, const DeviceIo& io) {
  const auto& pieces = request.pieces;
  PATCHBAY_CHECK(check_pieces(request, size));
  PATCHBAY_TRY(const auto different, find_different_piece(request, size, io));
  if (!different) return Done{};
  return Error{
      "what is on " + request.target.path + " now, from byte " +
      std::to_string(*different * pieces.piece_size()) +
      " on, does not have the SHA-256 that the artifact's meta-data says for this piece, " +
      std::string{pieces.of(*different)} +
      "; either the artifact was made wrong, or the device is worn out"};
}

Status compare_whole(const ImageRequest& request, const WrittenImage& image, const DeviceIo& io) {
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

}  // namespace

Status read_back(const ImageRequest& request, const WrittenImage& image, const DeviceIo& io) {
  if (request.pieces.piece_size() > 0) return compare_pieces(request, image.size, io);
  return compare_whole(request, image, io);
}

Result<bool> has_image(const ImageRequest& request, const DeviceIo& io) {
  auto quiet = request;
  quiet.progress = {};
  if (request.pieces.fit(*request.size)) {
    PATCHBAY_TRY(const auto different, find_different_piece(quiet, *request.size, io));
    return !different.has_value();
  }
  if (request.expected_sum.empty()) return false;
  PATCHBAY_TRY(const auto sum, sum_on_device(quiet, *request.size, io));
  return sum == request.expected_sum;
}

}  // namespace patchbay::slot
