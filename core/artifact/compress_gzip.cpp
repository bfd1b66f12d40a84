#include <libdeflate.h>

#include <algorithm>
#include <array>

#include "core/artifact/block_compressor.hpp"

namespace patchbay::artifact {
namespace {

// Blocks are gzip members of their own, which any gzip reader continues over. Larger ones do not
// compress better: deflate looks back 32 KiB only.
constexpr std::size_t kBlockBytes = 512 * kKiB;
constexpr std::size_t kSegmentBytes = 32 * kKiB;

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};
using Deflate = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

/// Whether the bytes look like noise: in a sample of pieces, no value is much more frequent than
/// others. True for what is compressed or encrypted already, never for text, code or tables.
bool looks_like_noise(ByteSpan segment) {
  constexpr std::size_t kPieces = 16;
  constexpr std::size_t kPieceBytes = 512;
  constexpr unsigned kMean = kPieces * kPieceBytes / 256;
  if (segment.size() < kPieces * kPieceBytes) return false;
  std::array<unsigned, 256> counts{};
  for (std::size_t piece = 0; piece < kPieces; ++piece) {
    for (const std::byte value : segment.subspan(segment.size() / kPieces * piece, kPieceBytes))
      ++counts[std::to_integer<unsigned>(value)];
  }
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  return *least > kMean / 4 && *most < kMean * 2;
}

/// Makes a gzip member of a block, or several: the search for repetitions is slowest where there
/// are none, so runs of noise are only wrapped.
class GzipEncoder final : public BlockEncoder {
 public:
  explicit GzipEncoder(int level)
      : compress_{libdeflate_alloc_compressor(level)}, store_{libdeflate_alloc_compressor(0)} {}

  [[nodiscard]] bool good() const { return compress_ && store_; }

  Status encode(ByteSpan block, ByteVector& out) override {
    out.clear();
    if (block.empty()) return add_member(*compress_, block, out);
    while (!block.empty()) {
      const std::size_t noise = noise_at(block, 0);
      if (noise > 0 && !shrinks(block.first(std::min(noise, kSegmentBytes)))) {
        PB_CHECK(add_member(*store_, block.first(noise), out));
        block = block.subspan(noise);
        continue;
      }
      const std::size_t end = next_noise(block, noise);
      PB_CHECK(add_member(*compress_, block.first(end), out));
      block = block.subspan(end);
    }
    return Done{};
  }

 private:
  /// How many bytes from `begin` on look like noise, in whole segments.
  static std::size_t noise_at(ByteSpan block, std::size_t begin) {
    std::size_t end = begin;
    while (end < block.size()) {
      const ByteSpan segment = block.subspan(end, std::min(kSegmentBytes, block.size() - end));
      if (!looks_like_noise(segment)) break;
      end += segment.size();
    }
    return end - begin;
  }

  /// Where the next noise begins at or after `from`.
  static std::size_t next_noise(ByteSpan block, std::size_t from) {
    while (from < block.size() &&
           noise_at(block.first(std::min(from + kSegmentBytes, block.size())), from) == 0)
      from += kSegmentBytes;
    return std::min(from, block.size());
  }

  bool shrinks(ByteSpan part) {
    trial_.resize(libdeflate_gzip_compress_bound(compress_.get(), part.size()));
    const std::size_t size = libdeflate_gzip_compress(compress_.get(), part.data(), part.size(),
                                                      trial_.data(), trial_.size());
    return size < part.size() - part.size() / 64;
  }

  static Status add_member(libdeflate_compressor& how, ByteSpan bytes, ByteVector& out) {
    const std::size_t begin = out.size();
    out.resize(begin + libdeflate_gzip_compress_bound(&how, bytes.size()));
    const std::size_t size = libdeflate_gzip_compress(&how, bytes.data(), bytes.size(),
                                                      out.data() + begin, out.size() - begin);
    if (size == 0) return Error{ErrorCode::internal, "libdeflate cannot compress"};
    out.resize(begin + size);
    return Done{};
  }

  Deflate compress_, store_;
  ByteVector trial_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_gzip_compressor(int level, unsigned threads,
                                                         ByteSink& out) {
  const auto make = [level]() -> Result<std::unique_ptr<BlockEncoder>> {
    auto encoder = std::make_unique<GzipEncoder>(level);
    if (!encoder->good()) return Error{ErrorCode::internal, "libdeflate cannot be set up"};
    return std::unique_ptr<BlockEncoder>{std::move(encoder)};
  };
  return make_block_compressor(make, kBlockBytes, threads, out);
}

}  // namespace patchbay::artifact
