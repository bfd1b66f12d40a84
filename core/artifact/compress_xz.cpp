#include <lzma.h>

#include <algorithm>
#include <array>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::uint32_t kMostThreads = 64;
/// Of all encoding threads together; fewer threads are used rather than more memory. One needs
/// about 125 MiB at level 6.
constexpr std::uint64_t kMostMemory = 4096 * kMiB;

class XzCompressor final : public Compressor {
 public:
  explicit XzCompressor(ByteSink& out) : out_{out}, buffer_(64 * kKiB) {}
  ~XzCompressor() override { lzma_end(&stream_); }
  XzCompressor(const XzCompressor&) = delete;
  XzCompressor& operator=(const XzCompressor&) = delete;

  /// False: liblzma does not want these settings.
  bool start(int level, unsigned threads) {
    lzma_options_lzma lzma{};
    if (lzma_lzma_preset(&lzma, static_cast<std::uint32_t>(level))) return false;
    // A block has nothing further back to look at.
    lzma.dict_size = std::min<std::uint32_t>(lzma.dict_size, kParallelBlockBytes);
    const std::array<lzma_filter, 2> filters{
        {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, nullptr}}};
    lzma_mt options{};
    // Also with one thread: the encoder for threads records the sizes of blocks in their headers,
    // and the output is the same for any number.
    options.threads = std::clamp<std::uint32_t>(threads, 1, kMostThreads);
    options.block_size = kParallelBlockBytes;
    options.filters = filters.data();
    options.check = LZMA_CHECK_CRC64;
    while (options.threads > 1 && lzma_stream_encoder_mt_memusage(&options) > kMostMemory)
      --options.threads;
    return lzma_stream_encoder_mt(&stream_, &options) == LZMA_OK;
  }

  Status write(ByteSpan bytes) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    stream_.avail_in = bytes.size();
    while (stream_.avail_in > 0)
      PB_CHECK(step(LZMA_RUN));
    return Done{};
  }

  Status finish() override {
    while (!ended_)
      PB_CHECK(step(LZMA_FINISH));
    return Done{};
  }

 private:
  Status step(lzma_action action) {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(buffer_.data());
    stream_.avail_out = buffer_.size();
    const lzma_ret result = lzma_code(&stream_, action);
    ended_ = result == LZMA_STREAM_END;
    if (result != LZMA_OK && !ended_) {
      return Error{ErrorCode::internal, "liblzma cannot compress: error " + std::to_string(result)};
    }
    return out_.write(ByteSpan{buffer_}.first(buffer_.size() - stream_.avail_out));
  }

  ByteSink& out_;
  ByteVector buffer_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_xz_compressor(int level, unsigned threads, ByteSink& out) {
  auto compressor = std::make_unique<XzCompressor>(out);
  if (!compressor->start(level, threads))
    return Error{ErrorCode::internal, "liblzma cannot be set up"};
  return std::unique_ptr<Compressor>{std::move(compressor)};
}

}  // namespace patchbay::artifact
