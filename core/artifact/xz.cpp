#include <lzma.h>

#include <algorithm>
#include <thread>

#include "core/artifact/buffered_source.hpp"
#include "core/artifact/content_hint.hpp"
#include "core/artifact/decompress.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kInputBuffer = 128 * kKiB;
constexpr std::size_t kMagicLength = 6;
constexpr std::string_view kMagic{"\xFD\x37zXZ\0", kMagicLength};
constexpr std::uint32_t kMaxThreads = 2;

/// Up to here threads are used; a stream whose blocks need more is decoded by one thread.
constexpr std::uint64_t kThreadingMemory = 64 * kMiB;

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

class XzDecoder final : public ByteSource {
 public:
  XzDecoder(ByteSource& input, const Limits& limits) : input_{input, kInputBuffer} {
    lzma_mt options{};
    options.flags = LZMA_TELL_UNSUPPORTED_CHECK;
    options.threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
    options.memlimit_stop = limits.xz_memory_bytes;
    options.memlimit_threading = std::min(kThreadingMemory, limits.xz_memory_bytes);
    setup_ = lzma_stream_decoder_mt(&stream_, &options);
    memory_limit_ = limits.xz_memory_bytes;
  }
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;
  ~XzDecoder() override { lzma_end(&stream_); }

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (setup_ != LZMA_OK) return error(setup_);
    if (progress_ == Progress::start) {
      PB_CHECK(check_magic());
      progress_ = Progress::stream;
    }
    while (progress_ == Progress::stream) {
      PB_TRY(const std::size_t produced, step(out));
      if (produced > 0) return produced;
    }
    return std::size_t{0};
  }

 private:
  Status check_magic() {
    PB_TRY(const ByteSpan front, input_.peek_at_least(kMagicLength));
    if (front.empty()) return invalid("xz: empty");
    if (as_text(front).starts_with(kMagic)) return Done{};
    const std::string hint = content_hint(front);
    return invalid("its name says xz, but the content is not" + (hint.empty() ? "" : ": " + hint));
  }

  Result<std::size_t> step(std::span<std::byte> out) {
    PB_TRY(const ByteSpan in, input_.peek());
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret code = lzma_code(&stream_, in.empty() ? LZMA_FINISH : LZMA_RUN);
    input_.consume(in.size() - stream_.avail_in);
    if (code == LZMA_STREAM_END) {
      PB_CHECK(check_end());
      progress_ = Progress::end;
    } else if (code != LZMA_OK && !(code == LZMA_BUF_ERROR && !in.empty())) {
      return error(code);
    }
    return out.size() - stream_.avail_out;
  }

  Status check_end() {
    PB_TRY(const ByteSpan rest, input_.peek());
    if (rest.empty()) return Done{};
    return invalid("xz: bytes follow the end of the compressed data");
  }

  [[nodiscard]] Error error(lzma_ret code) const {
    switch (code) {
      case LZMA_BUF_ERROR:
        return invalid("xz: truncated: the input ends inside the compressed data");
      case LZMA_MEMLIMIT_ERROR:
        return invalid("xz: decompression needs " + human_size(lzma_memusage(&stream_)) +
                       " of memory; the limit is " + human_size(memory_limit_) +
                       "; compress with a smaller dictionary");
      case LZMA_UNSUPPORTED_CHECK:
        return invalid("xz: unknown kind of check value, so that the data cannot be verified");
      case LZMA_OPTIONS_ERROR:
        return invalid("xz: unsupported filter or option in the compressed data");
      case LZMA_MEM_ERROR:
        return Error{ErrorCode::io, "xz: not enough memory"};
      case LZMA_PROG_ERROR:
        return Error{ErrorCode::internal, "xz: the decoder was used wrongly"};
      default:
        return invalid("xz: broken compressed data or wrong check value");
    }
  }

  BufferedSource input_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  lzma_ret setup_ = LZMA_OK;
  std::uint64_t memory_limit_ = 0;
  enum class Progress : std::uint8_t { start, stream, end } progress_ = Progress::start;
};

}  // namespace

std::unique_ptr<ByteSource> make_xz_decoder(ByteSource& input, const Limits& limits) {
  return std::make_unique<XzDecoder>(input, limits);
}

}  // namespace patchbay::artifact
