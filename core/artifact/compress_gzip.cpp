#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "core/artifact/block_compressor.hpp"

namespace patchbay::artifact {
namespace {

// Blocks are gzip members of their own, which any gzip reader continues over. Larger ones do not
// compress better: deflate looks back 32 KiB only.
constexpr std::size_t kBlockBytes = 512 * kKiB;
constexpr std::size_t kSegmentBytes = 32 * kKiB;
constexpr std::size_t kTrialBytes = 8 * kKiB;  // of what looks like noise, the slowest to encode

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};
using Deflate = std::unique_ptr<libdeflate_compressor, FreeCompressor>;

enum class Kind : std::uint8_t { plain, zeros, noise };

/// Whether every byte value is about as frequent as every other, by Pearson's test on samples
/// spread over the segment. True for what is compressed or encrypted already, never for text, code
/// or tables, which miss the limit by far.
bool looks_like_noise(ByteSpan segment) {
  constexpr std::size_t kPieces = 8;
  constexpr std::size_t kPieceBytes = 256;
  constexpr std::uint64_t kSampled = kPieces * kPieceBytes;
  constexpr std::uint64_t kLimit = 400;  // random bytes: 255 on average, 23 the standard deviation
  if (segment.size() < kSegmentBytes) return false;
  std::array<std::uint64_t, 256> counts{};
  for (std::size_t piece = 0; piece < kPieces; ++piece) {
    for (const std::byte value : segment.subspan(segment.size() / kPieces * piece, kPieceBytes))
      ++counts[std::to_integer<unsigned>(value)];
  }
  std::uint64_t squares = 0;
  for (const std::uint64_t count : counts)
    squares += count * count;
  return squares * counts.size() / kSampled < kSampled + kLimit;
}

Kind kind_of(ByteSpan segment) {
  // Each byte equals the one before it, and the first is zero.
  if (segment[0] == std::byte{0} &&
      std::memcmp(segment.data(), segment.data() + 1, segment.size() - 1) == 0)
    return Kind::zeros;
  return looks_like_noise(segment) ? Kind::noise : Kind::plain;
}

/// The front of a block that is of one kind, in whole segments.
struct Run {
  Kind kind;
  ByteSpan bytes;
};
Run first_run(ByteSpan block) {
  const auto segment_at = [&](std::size_t at) {
    return block.subspan(at, std::min(kSegmentBytes, block.size() - at));
  };
  const Kind kind = kind_of(segment_at(0));
  std::size_t end = std::min(kSegmentBytes, block.size());
  while (end < block.size() && kind_of(segment_at(end)) == kind)
    end += segment_at(end).size();
  return {kind, block.first(end)};
}

/// Makes a gzip member of a block, or several. The search for repetitions is slowest where there
/// are none, so runs of noise are only wrapped; and what runs of zeros become is remembered.
class GzipEncoder final : public BlockEncoder {
 public:
  explicit GzipEncoder(int level)
      : compress_{libdeflate_alloc_compressor(level)}, store_{libdeflate_alloc_compressor(0)} {}

  [[nodiscard]] bool good() const { return compress_ && store_; }

  Status encode(ByteSpan block, ByteVector& out) override {
    out.clear();
    if (block.empty()) return add_member(*compress_, block, out);
    while (!block.empty()) {
      const Run run = first_run(block);
      PB_CHECK(add_run(run, out));
      block = block.subspan(run.bytes.size());
    }
    return Done{};
  }

 private:
  Status add_run(const Run& run, ByteVector& out) {
    if (run.kind == Kind::zeros) return add_zeros(run.bytes, out);
    const bool is_noise = run.kind == Kind::noise && !shrinks(run.bytes.first(kTrialBytes));
    return add_member(is_noise ? *store_ : *compress_, run.bytes, out);
  }

  Status add_zeros(ByteSpan bytes, ByteVector& out) {
    ByteVector& member = zeros_[bytes.size()];
    if (member.empty()) PB_CHECK(add_member(*compress_, bytes, member));
    out.insert(out.end(), member.begin(), member.end());
    return Done{};
  }

  bool shrinks(ByteSpan part) {
    trial_.clear();
    return add_member(*compress_, part, trial_) && trial_.size() < part.size() - part.size() / 64;
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
  std::map<std::size_t, ByteVector> zeros_;  ///< members by how many zeros are in them
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
