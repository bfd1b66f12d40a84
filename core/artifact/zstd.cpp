#include <zstd.h>
#include <zstd_errors.h>

#include <bit>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/content_hint.hpp"
#include "core/artifact/decompress.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kInputBuffer = 128 * kKiB;
constexpr std::size_t kMagicLength = 4;
constexpr std::string_view kMagic{"\x28\xB5\x2F\xFD", kMagicLength};

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

class ZstdDecoder final : public ByteSource {
 public:
  ZstdDecoder(ByteSource& input, const Limits& limits)
      : input_{input, kInputBuffer},
        window_limit_{limits.zstd_window_bytes},
        context_{ZSTD_createDCtx()} {
    const auto window_log = static_cast<int>(std::bit_width(window_limit_)) - 1;
    ready_ = context_ != nullptr && ZSTD_isError(ZSTD_DCtx_setParameter(
                                        context_.get(), ZSTD_d_windowLogMax, window_log)) == 0;
  }

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (!ready_) return Error{ErrorCode::internal, "zstd: the decoder cannot be set up"};
    while (true) {
      if (!in_frame_) {
        PB_TRY(in_frame_, frame_follows());
        if (!in_frame_) return std::size_t{0};
        first_ = false;
      }
      PB_TRY(const std::size_t produced, step(out));
      if (produced > 0) return produced;
    }
  }

 private:
  /// Skippable frames are refused with everything else that is not a frame: they would carry bytes
  /// that nothing checks.
  Result<bool> frame_follows() {
    PB_TRY(const ByteSpan front, input_.peek_at_least(kMagicLength));
    if (front.empty() && !first_) return false;
    if (front.empty()) return invalid("zstd: empty");
    if (as_text(front).starts_with(kMagic)) return true;
    if (!first_) return invalid("zstd: bytes follow the end of the compressed data");
    const std::string hint = content_hint(front);
    return invalid("its name says zstd, but the content is not" +
                   (hint.empty() ? "" : ": " + hint));
  }

  Result<std::size_t> step(std::span<std::byte> out) {
    PB_TRY(const ByteSpan in, input_.peek());
    ZSTD_inBuffer source{in.data(), in.size(), 0};
    ZSTD_outBuffer target{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(context_.get(), &target, &source);
    if (ZSTD_isError(code) != 0) return error(code);
    input_.consume(source.pos);
    if (code == 0) {
      in_frame_ = false;
    } else if (in.empty() && target.pos == 0) {
      return invalid("zstd: truncated: the input ends inside the compressed data");
    }
    return target.pos;
  }

  [[nodiscard]] Error error(std::size_t code) const {
    switch (ZSTD_getErrorCode(code)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        return invalid("zstd: decompression needs a window of more than " +
                       human_size(window_limit_) + "; compress with a smaller one");
      case ZSTD_error_memory_allocation:
        return Error{ErrorCode::io, "zstd: not enough memory"};
      default:
        return invalid("zstd: broken compressed data: " + std::string{ZSTD_getErrorName(code)});
    }
  }

  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  BufferedSource input_;
  std::uint64_t window_limit_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool ready_ = false;
  bool first_ = true;
  bool in_frame_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> make_zstd_decoder(ByteSource& input, const Limits& limits) {
  return std::make_unique<ZstdDecoder>(input, limits);
}

}  // namespace patchbay::artifact
