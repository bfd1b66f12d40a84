#include <lzma.h>

#include <algorithm>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::uint32_t kMostThreads = 4;  // each needs about 100 MiB at preset 6

class XzCompressor final : public Compressor {
 public:
  explicit XzCompressor(ByteSink& out) : out_{out}, buffer_(64 * kKiB) {}
  ~XzCompressor() override { lzma_end(&stream_); }
  XzCompressor(const XzCompressor&) = delete;
  XzCompressor& operator=(const XzCompressor&) = delete;

  lzma_ret start() {
    lzma_mt options{};
    // Also with one thread: the encoder for threads records the sizes of blocks in their headers,
    // and the output is the same for any number.
    options.threads = std::clamp(lzma_cputhreads(), std::uint32_t{1}, kMostThreads);
    options.block_size = kParallelBlockBytes;
    options.preset = LZMA_PRESET_DEFAULT;
    options.check = LZMA_CHECK_CRC64;
    return lzma_stream_encoder_mt(&stream_, &options);
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

Result<std::unique_ptr<Compressor>> make_xz_compressor(ByteSink& out) {
  auto compressor = std::make_unique<XzCompressor>(out);
  if (compressor->start() != LZMA_OK) return Error{ErrorCode::internal, "liblzma cannot be set up"};
  return std::unique_ptr<Compressor>{std::move(compressor)};
}

}  // namespace patchbay::artifact
