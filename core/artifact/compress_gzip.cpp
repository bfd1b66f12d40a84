#include <zlib.h>

#include <vector>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {
namespace {

constexpr int kLevel = 6;
constexpr int kGzipWindow = 15 + 16;  // 32 KiB, with gzip's header and trailer
constexpr int kMemoryLevel = 8;
constexpr std::size_t kStep = 64 * kKiB;

class GzipCompressor final : public Compressor {
 public:
  explicit GzipCompressor(ByteSink& out) : out_{out}, buffer_(kStep) {}
  ~GzipCompressor() override { deflateEnd(&stream_); }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  int start() {
    return deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                        Z_DEFAULT_STRATEGY);
  }

  Status write(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ByteSpan piece = bytes.first(std::min(bytes.size(), kStep));
      PB_CHECK(run(piece, Z_NO_FLUSH));
      bytes = bytes.subspan(piece.size());
    }
    return Done{};
  }
  Status finish() override { return run({}, Z_FINISH); }

 private:
  /// zlib is done with a piece when it leaves room in the buffer.
  Status run(ByteSpan piece, int flush) {
    // zlib's interface is without const; it does not write to its input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      if (deflate(&stream_, flush) == Z_STREAM_ERROR)
        return Error{ErrorCode::internal, "zlib lost its state"};
      PB_CHECK(out_.write(ByteSpan{buffer_}.first(buffer_.size() - stream_.avail_out)));
    } while (stream_.avail_out == 0);
    return Done{};
  }

  ByteSink& out_;
  ByteVector buffer_;
  z_stream stream_{};
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_gzip_compressor(ByteSink& out) {
  auto compressor = std::make_unique<GzipCompressor>(out);
  if (compressor->start() != Z_OK) return Error{ErrorCode::internal, "zlib cannot be set up"};
  return std::unique_ptr<Compressor>{std::move(compressor)};
}

}  // namespace patchbay::artifact
