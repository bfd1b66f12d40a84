#include "sdk/zstd/library.hpp"

#include <string>

#include "patchbay/dynamic_library.hpp"

namespace patchbay::zstd {

using module::Error;

module::Result<Library> Library::load() {
  auto library = module::DynamicLibrary::open("libzstd.so.1");
  if (!library)
    return Error{"zstd is needed, and cannot be loaded (" + library.error().message() +
                 "); install the package libzstd1"};
  Library zstd{};
  library->find("ZSTD_createCCtx", zstd.create_compression);
  library->find("ZSTD_freeCCtx", zstd.free_compression);
  library->find("ZSTD_compressCCtx", zstd.compress);
  library->find("ZSTD_compressBound", zstd.bound);
  library->find("ZSTD_createDCtx", zstd.create_decompression);
  library->find("ZSTD_freeDCtx", zstd.free_decompression);
  library->find("ZSTD_DCtx_setParameter", zstd.set_decompression);
  library->find("ZSTD_decompressDCtx", zstd.decompress);
  library->find("ZSTD_decompressStream", zstd.decompress_stream);
  library->find("ZSTD_isError", zstd.is_error);
  library->find("ZSTD_getErrorName", zstd.error_name);
  PATCHBAY_CHECK(library->all_found());
  return zstd;
}

Error Library::error(std::size_t code) const {
  return Error{std::string{"zstd: "} + error_name(code)};
}

}  // namespace patchbay::zstd
