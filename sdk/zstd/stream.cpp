#include "sdk/zstd/stream.hpp"

#include <utility>

#include "sdk/zstd/library.hpp"

namespace patchbay::zstd {

using module::Result;

namespace {

constexpr int kWindowLog = 23;

}  // namespace

struct Stream::State {
  explicit State(const Library& library)
      : zstd{library}, context{library.create_decompression(), library.free_decompression} {
    zstd.set_decompression(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  }

  Library zstd;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context;
  ZSTD_inBuffer packed{nullptr, 0, 0};
  std::size_t hint = 0;  // 0: a frame has just ended
};

Stream::Stream(std::unique_ptr<State> state) : state_{std::move(state)} {
}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Result<Stream> Stream::load() {
  PATCHBAY_TRY(const auto library, Library::load());
  return Stream{std::make_unique<State>(library)};
}

void Stream::take(std::string_view packed) {
  state_->packed = {packed.data(), packed.size(), 0};
}

Result<std::size_t> Stream::next(std::span<char> out) {
  auto& [zstd, context, packed, hint] = *state_;
  ZSTD_outBuffer plain{out.data(), out.size(), 0};
  while (plain.pos < plain.size) {
    const auto before = plain.pos;
    const bool has_more = packed.pos < packed.size;
    // What is left in the decoder comes out without more.
    if (!has_more && hint == 0) break;
    const auto code = zstd.decompress_stream(context.get(), &plain, &packed);
    if (zstd.is_error(code) != 0) return zstd.error(code);
    hint = code;
    if (!has_more && plain.pos == before) break;
  }
  return plain.pos;
}

bool Stream::is_complete() const {
  return state_->hint == 0;
}

}  // namespace patchbay::zstd
