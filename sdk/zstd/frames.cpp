#include "sdk/zstd/frames.hpp"

#include <string>
#include <utility>

#include "sdk/zstd/library.hpp"

namespace patchbay::zstd {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

struct Frames::State {
  explicit State(const Library& library)
      : zstd{library},
        compression{nullptr, library.free_compression},
        decompression{nullptr, library.free_decompression} {}

  Library zstd;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compression;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompression;
};

Frames::Frames(std::unique_ptr<State> state) : state_{std::move(state)} {
}
Frames::Frames(Frames&&) noexcept = default;
Frames& Frames::operator=(Frames&&) noexcept = default;
Frames::~Frames() = default;

Result<Frames> Frames::load() {
  PATCHBAY_TRY(const auto library, Library::load());
  return Frames{std::make_unique<State>(library)};
}

Result<std::vector<std::byte>> Frames::compress(std::span<const std::byte> piece, int level) {
  auto& [zstd, context, _] = *state_;
  if (!context) context.reset(zstd.create_compression());
  std::vector<std::byte> frame(zstd.bound(piece.size()));
  const auto size =
      zstd.compress(context.get(), frame.data(), frame.size(), piece.data(), piece.size(), level);
  if (zstd.is_error(size) != 0) return zstd.error(size);
  frame.resize(size);
  return frame;
}

Status Frames::decompress(std::span<const std::byte> frame, std::span<std::byte> piece) {
  auto& [zstd, _, context] = *state_;
  if (!context) context.reset(zstd.create_decompression());
  const auto size =
      zstd.decompress(context.get(), piece.data(), piece.size(), frame.data(), frame.size());
  if (zstd.is_error(size) != 0) return zstd.error(size);
  if (size == piece.size()) return Done{};
  return Error{"it has " + std::to_string(size) + " bytes, not " + std::to_string(piece.size())};
}

}  // namespace patchbay::zstd
