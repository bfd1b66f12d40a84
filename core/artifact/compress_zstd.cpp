#include <zstd.h>

#include <algorithm>

#include "core/artifact/compress.hpp"

namespace patchbay::artifact {
namespace {

constexpr int kLevel = 3;
constexpr int kMostWindowLog = 23;  // 8 MiB: every decoder takes it by default

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

/// Collects a frame's worth of input and compresses it in one go, so that the frame says how much
/// it holds.
class ZstdCompressor final : public Compressor {
 public:
  explicit ZstdCompressor(ByteSink& out) : out_{out} {}

  bool start() {
    return context_ && good(ZSTD_c_compressionLevel, kLevel) && good(ZSTD_c_checksumFlag, 1);
  }

  Status write(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), kParallelBlockBytes - input_.size()));
      input_.insert(input_.end(), piece.begin(), piece.end());
      bytes = bytes.subspan(piece.size());
      if (input_.size() == kParallelBlockBytes) PB_CHECK(write_frame());
    }
    return Done{};
  }

  Status finish() override {
    return input_.empty() && frames_ > 0 ? Status{Done{}} : write_frame();
  }

 private:
  bool good(ZSTD_cParameter parameter, int value) {
    return ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), parameter, value)) == 0;
  }

  Status write_frame() {
    static_assert(kParallelBlockBytes <= std::size_t{1} << kMostWindowLog);
    frame_.resize(ZSTD_compressBound(input_.size()));
    const std::size_t size =
        ZSTD_compress2(context_.get(), frame_.data(), frame_.size(), input_.data(), input_.size());
    if (ZSTD_isError(size) != 0) {
      return Error{ErrorCode::internal,
                   std::string{"libzstd cannot compress: "} + ZSTD_getErrorName(size)};
    }
    input_.clear();
    ++frames_;
    return out_.write(ByteSpan{frame_}.first(size));
  }

  ByteSink& out_;
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_{ZSTD_createCCtx()};
  ByteVector input_;
  ByteVector frame_;
  std::size_t frames_ = 0;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_zstd_compressor(ByteSink& out) {
  auto compressor = std::make_unique<ZstdCompressor>(out);
  if (!compressor->start()) return Error{ErrorCode::internal, "libzstd cannot be set up"};
  return std::unique_ptr<Compressor>{std::move(compressor)};
}

}  // namespace patchbay::artifact
