#include "sdk/chunks/chunk_zstd.hpp"

#include <zstd.h>

#include <string>
#include <utility>

#include "patchbay/dynamic_library.hpp"

namespace patchbay::chunks {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

namespace {

struct Library {
  decltype(&ZSTD_createCCtx) create_compression;
  decltype(&ZSTD_freeCCtx) free_compression;
  decltype(&ZSTD_compressCCtx) compress;
  decltype(&ZSTD_compressBound) bound;
  decltype(&ZSTD_createDCtx) create_decompression;
  decltype(&ZSTD_freeDCtx) free_decompression;
  decltype(&ZSTD_decompressDCtx) decompress;
  decltype(&ZSTD_isError) is_error;
  decltype(&ZSTD_getErrorName) error_name;
};

Result<Library> load_library() {
  auto library = module::DynamicLibrary::open("libzstd.so.1");
  if (!library)
    return Error{"chunks need zstd, which cannot be loaded (" + library.error().message() +
                 "); install the package libzstd1"};
  Library zstd{};
  library->find("ZSTD_createCCtx", zstd.create_compression);
  library->find("ZSTD_freeCCtx", zstd.free_compression);
  library->find("ZSTD_compressCCtx", zstd.compress);
  library->find("ZSTD_compressBound", zstd.bound);
  library->find("ZSTD_createDCtx", zstd.create_decompression);
  library->find("ZSTD_freeDCtx", zstd.free_decompression);
  library->find("ZSTD_decompressDCtx", zstd.decompress);
  library->find("ZSTD_isError", zstd.is_error);
  library->find("ZSTD_getErrorName", zstd.error_name);
  PATCHBAY_CHECK(library->all_found());
  return zstd;
}

}  // namespace

struct ChunkZstd::State {
  explicit State(const Library& library)
      : zstd{library},
        compression{nullptr, library.free_compression},
        decompression{nullptr, library.free_decompression} {}

  Library zstd;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compression;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompression;
};

ChunkZstd::ChunkZstd(std::unique_ptr<State> state) : state_{std::move(state)} {
}
ChunkZstd::ChunkZstd(ChunkZstd&&) noexcept = default;
ChunkZstd& ChunkZstd::operator=(ChunkZstd&&) noexcept = default;
ChunkZstd::~ChunkZstd() = default;

Result<ChunkZstd> ChunkZstd::load() {
  PATCHBAY_TRY(const auto library, load_library());
  return ChunkZstd{std::make_unique<State>(library)};
}

Result<std::vector<std::byte>> ChunkZstd::compress(std::span<const std::byte> chunk, int level) {
  auto& [zstd, context, _] = *state_;
  if (!context) context.reset(zstd.create_compression());
  std::vector<std::byte> stored(zstd.bound(chunk.size()));
  const auto size =
      zstd.compress(context.get(), stored.data(), stored.size(), chunk.data(), chunk.size(), level);
  if (zstd.is_error(size) != 0) return Error{std::string{"zstd: "} + zstd.error_name(size)};
  stored.resize(size);
  return stored;
}

Status ChunkZstd::decompress(std::span<const std::byte> stored, std::span<std::byte> chunk) {
  auto& [zstd, _, context] = *state_;
  if (!context) context.reset(zstd.create_decompression());
  const auto size =
      zstd.decompress(context.get(), chunk.data(), chunk.size(), stored.data(), stored.size());
  if (zstd.is_error(size) != 0) return Error{std::string{"zstd: "} + zstd.error_name(size)};
  if (size == chunk.size()) return Done{};
  return Error{"it has " + std::to_string(size) + " bytes, not " + std::to_string(chunk.size())};
}

}  // namespace patchbay::chunks
