#pragma once

#include <zstd.h>

#include "patchbay/result.hpp"

namespace patchbay::zstd {

/// What we use of libzstd. Loaded when it is needed, so that whoever does without it starts
/// without.
struct Library {
  decltype(&ZSTD_createCCtx) create_compression;
  decltype(&ZSTD_freeCCtx) free_compression;
  decltype(&ZSTD_compressCCtx) compress;
  decltype(&ZSTD_compressBound) bound;
  decltype(&ZSTD_createDCtx) create_decompression;
  decltype(&ZSTD_freeDCtx) free_decompression;
  decltype(&ZSTD_DCtx_setParameter) set_decompression;
  decltype(&ZSTD_decompressDCtx) decompress;
  decltype(&ZSTD_decompressStream) decompress_stream;
  decltype(&ZSTD_isError) is_error;
  decltype(&ZSTD_getErrorName) error_name;

  /// Error: it is missing; says how to get it.
  static module::Result<Library> load();
  /// Of a `code` that is_error().
  [[nodiscard]] module::Error error(std::size_t code) const;
};

}  // namespace patchbay::zstd
