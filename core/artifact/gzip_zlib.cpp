#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <limits>

#include "core/artifact/decompress.hpp"
#include "core/artifact/gzip_member.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kInputBuffer = 128 * kKiB;
constexpr int kGzipWindowBits = 15 + 16;  // 16: expect the gzip wrapper

class ZlibDecoder final : public ByteSource {
 public:
  explicit ZlibDecoder(ByteSource& input) : input_{input, kInputBuffer} {
    initialised_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK;
  }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;
  ~ZlibDecoder() override {
    if (initialised_) inflateEnd(&stream_);
  }

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (!initialised_) return Error{ErrorCode::internal, "gzip: zlib cannot be set up"};
    while (true) {
      if (!in_member_) {
        PB_TRY(in_member_, gzip_member_follows(input_, member_));
        if (!in_member_) return std::size_t{0};
        inflateReset(&stream_);
        member_ = Member::later;
      }
      PB_TRY(const std::size_t produced, step(out));
      if (produced > 0) return produced;
    }
  }

 private:
  Result<std::size_t> step(std::span<std::byte> out) {
    PB_TRY(const ByteSpan in, input_.peek());
    const std::size_t room =
        std::min<std::size_t>(out.size(), std::numeric_limits<unsigned>::max());
    stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    input_.consume(in.size() - stream_.avail_in);
    if (code == Z_STREAM_END) in_member_ = false;
    if (code == Z_DATA_ERROR || code == Z_NEED_DICT) {
      return gzip_broken(stream_.msg != nullptr ? stream_.msg : "unknown");
    }
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return Error{ErrorCode::internal, "gzip: zlib reports " + std::to_string(code)};
    }
    const std::size_t produced = room - stream_.avail_out;
    if (in.empty() && produced == 0 && in_member_) return gzip_truncated();
    return produced;
  }

  BufferedSource input_;
  z_stream stream_{};
  bool initialised_ = false;
  bool in_member_ = false;
  Member member_ = Member::first;
};

}  // namespace

std::unique_ptr<ByteSource> make_zlib_decoder(ByteSource& input) {
  return std::make_unique<ZlibDecoder>(input);
}

}  // namespace patchbay::artifact
