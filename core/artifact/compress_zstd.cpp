#include <zstd.h>

#include "core/artifact/block_compressor.hpp"

namespace patchbay::artifact {
namespace {

constexpr int kMostWindowLog = 23;  // 8 MiB: every decoder takes it by default
static_assert(kParallelBlockBytes <= std::size_t{1} << kMostWindowLog);

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

/// Makes a frame of each block in one go, so that the frame says how much it holds.
class ZstdEncoder final : public BlockEncoder {
 public:
  explicit ZstdEncoder(int level)
      : good_{context_ && set(ZSTD_c_compressionLevel, level) && set(ZSTD_c_checksumFlag, 1)} {}

  [[nodiscard]] bool good() const { return good_; }

  Status encode(ByteSpan block, ByteVector& out) override {
    out.resize(ZSTD_compressBound(block.size()));
    const std::size_t size =
        ZSTD_compress2(context_.get(), out.data(), out.size(), block.data(), block.size());
    if (ZSTD_isError(size) != 0) {
      return Error{ErrorCode::internal,
                   std::string{"libzstd cannot compress: "} + ZSTD_getErrorName(size)};
    }
    out.resize(size);
    return Done{};
  }

 private:
  bool set(ZSTD_cParameter parameter, int value) {
    return ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), parameter, value)) == 0;
  }

  std::unique_ptr<ZSTD_CCtx, FreeContext> context_{ZSTD_createCCtx()};
  bool good_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_zstd_compressor(int level, unsigned threads,
                                                         ByteSink& out) {
  const auto make = [level]() -> Result<std::unique_ptr<BlockEncoder>> {
    auto encoder = std::make_unique<ZstdEncoder>(level);
    if (!encoder->good()) return Error{ErrorCode::internal, "libzstd cannot be set up"};
    return std::unique_ptr<BlockEncoder>{std::move(encoder)};
  };
  return make_block_compressor(make, kParallelBlockBytes, threads, out);
}

}  // namespace patchbay::artifact
