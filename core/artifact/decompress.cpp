#include "core/artifact/decompress.hpp"

#include <cassert>

namespace patchbay::artifact {

std::optional<Compression> compression_of(std::string_view suffix) {
  if (suffix.empty()) return Compression::none;
  if (suffix == ".gz") return Compression::gzip;
  if (suffix == ".xz") return Compression::xz;
  if (suffix == ".zst") return Compression::zstd;
  return std::nullopt;
}

std::unique_ptr<ByteSource> make_decoder(Compression compression, ByteSource& input,
                                         const Limits& limits) {
  switch (compression) {
    case Compression::none:
      break;
    case Compression::gzip:
#ifdef PATCHBAY_HAVE_ISAL
      return make_isal_decoder(input);
#else
      return make_zlib_decoder(input);
#endif
    case Compression::xz:
      return make_xz_decoder(input, limits);
    case Compression::zstd:
      return make_zstd_decoder(input, limits);
  }
  assert(false);
  return nullptr;
}

}  // namespace patchbay::artifact
