#include "sdk/slot/image_writer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "core/artifact/sha256.hpp"
#include "patchbay/files.hpp"
#include "sdk/slot/channel.hpp"
#include "sdk/slot/image_io.hpp"

namespace patchbay::slot {
namespace {

using artifact::Digest;
using artifact::Sha256;
using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::size_t kBlock = 64 * 1024;  // what is equal is left out in pieces of this
constexpr std::size_t kPieces = 4;
constexpr unsigned kWriteShare = 80;  // percent of the whole

struct Piece {
  Buffer buffer;
  std::size_t count = 0;
  std::uint64_t offset = 0;
};

Result<Digest> finished(Sha256& sum) {
  auto digest = sum.finish();
  if (!digest) return Error{digest.error().message()};
  return *digest;
}

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
    const auto old = old_.first(size);
    PATCHBAY_CHECK(io_.read(old, piece.offset));
    // What shares its sector with the end of the image stays.
    std::copy(old.begin() + static_cast<std::ptrdiff_t>(piece.count), old.end(),
              fresh.begin() + static_cast<std::ptrdiff_t>(piece.count));
    std::size_t at = 0;
    while (at < size) {
      const auto from = skip(fresh, old, at, true);
      const auto to = skip(fresh, old, from, false);
      if (from < to) {
        PATCHBAY_CHECK(io_.write(fresh.subspan(from, to - from), piece.offset + from));
        written_ += to - from;
      }
      at = to;
    }
    return Done{};
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

/// What came, as far as reading it back needs to know.
struct Arrived {
  std::uint64_t size = 0;
  std::uint64_t written = 0;
  std::string sum{};  ///< what it should be, in hex: as promised, or as it came
};

/// The SHA-256 of what comes. Where it is promised, nobody computes it: the client holds the stream
/// against the manifest, and reading back shows whether what is on the device is as promised.
class StreamSum {
 public:
  explicit StreamSum(std::string promised) : promised_{std::move(promised)} {}
  void update(std::span<const std::byte> bytes) {
    if (promised_.empty()) sum_.update(bytes);
  }
  Result<std::string> finish() {
    if (!promised_.empty()) return promised_;
    PATCHBAY_TRY(const auto digest, finished(sum_));
    return to_hex(digest);
  }

 private:
  std::string promised_;
  Sha256 sum_;
};

Status check_size(const ImageRequest& request, std::uint64_t size) {
  if (size <= request.target.size) return Done{};
  return Error{"the image has " + std::to_string(size) + " bytes (" + module::human_size(size) +
               "), but " + request.target.path + " has only " +
               std::to_string(request.target.size) + " (" +
               module::human_size(request.target.size) + ")"};
}

Result<std::size_t> fill(const ImageSource& source, std::span<std::byte> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    PATCHBAY_TRY(const auto count, source(bytes.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

void report(const ImageRequest& request, std::uint64_t done, unsigned from, unsigned share) {
  const auto size = request.size.value_or(0);
  if (!request.progress || size == 0) return;
  request.progress(from + static_cast<unsigned>(std::min(done, size) * share / size));
}

Status check_arrived(const ImageRequest& request, const Arrived& arrived) {
  if (request.size && *request.size != arrived.size)
    return Error{"the image was announced with " + std::to_string(*request.size) +
                 " bytes, and ended after " + std::to_string(arrived.size)};
  if (arrived.size == 0) return Error{"the image is empty"};
  return Done{};
}

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
  PATCHBAY_TRY(const auto digest, finished(sum));
  return to_hex(digest);
}

// Known before the image comes only if its sum is promised. A volume whose update was cut cannot be
// read, and holds nothing.
bool holds_already(const ImageRequest& request, const DeviceIo& io) {
  if (request.expected_sum.empty()) return false;
  auto quiet = request;
  quiet.progress = {};
  const auto sum = sum_on_device(quiet, *request.size, io);
  return sum && *sum == request.expected_sum;
}

Status require_equal(const ImageRequest& request, std::span<const std::byte> fresh,
                     std::uint64_t offset, const DeviceIo& io) {
  const Buffer old;
  PATCHBAY_CHECK(io.read(old.first(fresh.size()), offset));
  if (std::memcmp(old.all().data(), fresh.data(), fresh.size()) == 0) return Done{};
  return Error{
      "the image does not have the SHA-256 that the artifact's rootfs-image.checksum says, " +
      request.expected_sum + "; the artifact was made wrong"};
}

// A UBI volume cannot be changed in places: the kernel takes all of it, from its first byte on.
Result<Arrived> take_in_volume(const ImageRequest& request, const ImageSource& source,
                               DeviceIo& io) {
  if (!request.size)
    return Error{"a UBI volume can be written only if the client announces the image's size"};
  const bool there = holds_already(request, io);
  if (!there) PATCHBAY_CHECK(io.begin_volume_update(*request.size));
  Arrived arrived;
  StreamSum sum{request.expected_sum};
  const Buffer buffer;
  while (true) {
    PATCHBAY_TRY(const auto count, fill(source, buffer.all()));
    if (count == 0) break;
    PATCHBAY_CHECK(check_size(request, arrived.size + count));
    const auto bytes = buffer.first(count);
    PATCHBAY_CHECK(there ? require_equal(request, bytes, arrived.size, io)
                         : io.write(bytes, arrived.size));
    sum.update(bytes);
    arrived.size += count;
    report(request, arrived.size, 0, kWriteShare);
  }
  if (!there) arrived.written = arrived.size;
  PATCHBAY_TRY(arrived.sum, sum.finish());
  PATCHBAY_CHECK(check_arrived(request, arrived));
  return arrived;
}

Result<Arrived> take_in(const ImageRequest& request, const ImageSource& source, DeviceIo& io) {
  if (request.target.kind == Kind::ubi_volume) return take_in_volume(request, source, io);
  Arrived arrived;
  Comparer comparer{io};
  StreamSum sum{request.expected_sum};
  while (true) {
    PATCHBAY_TRY(auto piece, comparer.take());
    PATCHBAY_TRY(piece.count, fill(source, piece.buffer.all()));
    if (piece.count == 0) break;
    piece.offset = arrived.size;
    arrived.size += piece.count;
    PATCHBAY_CHECK(check_size(request, arrived.size));
    sum.update(piece.buffer.first(piece.count));
    report(request, arrived.size, 0, kWriteShare);
    comparer.give(std::move(piece));
  }
  PATCHBAY_TRY(arrived.written, comparer.finish());
  PATCHBAY_TRY(arrived.sum, sum.finish());
  PATCHBAY_CHECK(check_arrived(request, arrived));
  return arrived;
}

Status read_back(const ImageRequest& request, const Arrived& arrived, const DeviceIo& io) {
  PATCHBAY_TRY(const auto have, sum_on_device(request, arrived.size, io));
  if (have == arrived.sum) return Done{};
  const auto& path = request.target.path;
  if (request.expected_sum.empty())
    return Error{"what was written to " + path + " does not come back from there: SHA-256 " + have +
                 " instead of " + arrived.sum + "; is the device worn out?"};
  return Error{"what is on " + path + " now has the SHA-256 " + have +
               ", but the artifact's rootfs-image.checksum says " + arrived.sum +
               "; either the artifact was made wrong, or the device is worn out"};
}

}  // namespace

Result<WrittenImage> write_image(const ImageRequest& request, const ImageSource& source) {
  if (request.size) PATCHBAY_CHECK(check_size(request, *request.size));
  PATCHBAY_TRY(auto io, DeviceIo::open(request.target));
  // What an earlier attempt has left in the device's cache counts only once it is on the device.
  PATCHBAY_CHECK(io.settle());
  PATCHBAY_TRY(const auto arrived, take_in(request, source, io));
  // Where nothing was written, all of it has been read from there and compared already.
  const WrittenImage image{arrived.size, arrived.written, arrived.sum};
  if (arrived.written == 0) return image;
  PATCHBAY_CHECK(io.settle());
  PATCHBAY_CHECK(read_back(request, arrived, io));
  return image;
}

}  // namespace patchbay::slot
