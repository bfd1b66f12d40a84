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
  std::uint64_t middle = 0;  ///< 0: none
  std::optional<Sha256> from_middle{};
  Digest until_middle{};
  Digest whole{};
};

std::string hex(const Digest& digest) {
  return to_hex(digest);
}

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

// Two halves can be read back at once, each with its own sum: the second goes on from the middle.
std::uint64_t middle_of(const ImageRequest& request) {
  constexpr std::uint64_t kWorthIt = 16 * kPiece;
  const auto size = request.size.value_or(0);
  return size < kWorthIt ? 0 : size / 2 / kPiece * kPiece;
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
  if (!request.expected_sum.empty() && request.expected_sum != hex(arrived.whole))
    return Error{"the image has the SHA-256 " + hex(arrived.whole) + ", but the artifact's " +
                 "rootfs-image.checksum says " + request.expected_sum};
  return Done{};
}

// A UBI volume cannot be changed in places: the kernel takes all of it, from its first byte on.
Result<Arrived> take_in_volume(const ImageRequest& request, const ImageSource& source,
                               DeviceIo& io) {
  if (!request.size)
    return Error{"a UBI volume can be written only if the client announces the image's size"};
  PATCHBAY_CHECK(io.begin_volume_update(*request.size));
  Arrived arrived;
  Sha256 sum;
  const Buffer buffer;
  while (true) {
    PATCHBAY_TRY(const auto count, fill(source, buffer.all()));
    if (count == 0) break;
    PATCHBAY_CHECK(check_size(request, arrived.size + count));
    PATCHBAY_CHECK(io.write(buffer.first(count), arrived.size));
    sum.update(buffer.first(count));
    arrived.size += count;
    report(request, arrived.size, 0, kWriteShare);
  }
  arrived.written = arrived.size;
  PATCHBAY_TRY(arrived.whole, finished(sum));
  PATCHBAY_CHECK(check_arrived(request, arrived));
  return arrived;
}

Result<Arrived> take_in(const ImageRequest& request, const ImageSource& source, DeviceIo& io) {
  if (request.target.kind == Kind::ubi_volume) return take_in_volume(request, source, io);
  Arrived arrived;
  const auto middle = middle_of(request);
  Comparer comparer{io};
  Sha256 sum;
  while (true) {
    PATCHBAY_TRY(auto piece, comparer.take());
    PATCHBAY_TRY(piece.count, fill(source, piece.buffer.all()));
    if (piece.count == 0) break;
    piece.offset = arrived.size;
    arrived.size += piece.count;
    PATCHBAY_CHECK(check_size(request, arrived.size));
    sum.update(piece.buffer.first(piece.count));
    if (arrived.size == middle) {
      arrived.middle = middle;
      arrived.from_middle = sum.fork();
      auto until = sum.fork();
      PATCHBAY_TRY(arrived.until_middle, finished(until));
    }
    report(request, arrived.size, 0, kWriteShare);
    comparer.give(std::move(piece));
  }
  PATCHBAY_TRY(arrived.written, comparer.finish());
  PATCHBAY_TRY(arrived.whole, finished(sum));
  PATCHBAY_CHECK(check_arrived(request, arrived));
  return arrived;
}

using Done64 = std::function<void(std::uint64_t bytes)>;

Result<Digest> sum_of(const DeviceIo& io, std::uint64_t from, std::uint64_t to, Sha256 sum,
                      const Done64& done) {
  const Buffer buffer;
  for (auto at = from; at < to;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, to - at));
    PATCHBAY_CHECK(io.read(buffer.first(io.aligned(count)), at));
    sum.update(buffer.first(count));
    at += count;
    if (done) done(at - from);
  }
  return finished(sum);
}

Status compare(const SlotDevice& target, const Digest& have, const Digest& want) {
  if (have == want) return Done{};
  return Error{"what was written to " + target.path + " does not come back from there: SHA-256 " +
               hex(have) + " instead of " + hex(want) + "; is the device worn out?"};
}

Status read_back(const ImageRequest& request, const Arrived& arrived, const DeviceIo& io) {
  const auto rest = 100 - kWriteShare;
  const auto middle = arrived.middle;
  Result<Digest> first = arrived.until_middle;
  std::jthread other;
  if (middle != 0) other = std::jthread{[&] { first = sum_of(io, 0, middle, Sha256{}, {}); }};
  const auto second =
      sum_of(io, middle, arrived.size, middle != 0 ? arrived.from_middle->fork() : Sha256{},
             [&](std::uint64_t bytes) {
               report(request, middle != 0 ? bytes * 2 : bytes, kWriteShare, rest);
             });
  if (other.joinable()) other.join();
  PATCHBAY_TRY(const auto have_first, std::move(first));
  PATCHBAY_CHECK(compare(request.target, have_first, arrived.until_middle));
  PATCHBAY_TRY(const auto have_whole, second);
  return compare(request.target, have_whole, arrived.whole);
}

}  // namespace

Result<WrittenImage> write_image(const ImageRequest& request, const ImageSource& source) {
  if (request.size) PATCHBAY_CHECK(check_size(request, *request.size));
  PATCHBAY_TRY(auto io, DeviceIo::open(request.target));
  // What an earlier attempt has left in the device's cache counts only once it is on the device.
  PATCHBAY_CHECK(io.settle());
  PATCHBAY_TRY(const auto arrived, take_in(request, source, io));
  // Where nothing was written, all of it has been read from there and compared already.
  const WrittenImage image{arrived.size, arrived.written, hex(arrived.whole)};
  if (arrived.written == 0) return image;
  PATCHBAY_CHECK(io.settle());
  PATCHBAY_CHECK(read_back(request, arrived, io));
  return image;
}

}  // namespace patchbay::slot
