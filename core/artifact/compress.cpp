#include "core/artifact/compress.hpp"

namespace patchbay::artifact {
namespace {

class PlainCopy final : public Compressor {
 public:
  explicit PlainCopy(ByteSink& out) : out_{out} {}
  Status write(ByteSpan bytes) override { return out_.write(bytes); }
  Status finish() override { return Done{}; }

 private:
  ByteSink& out_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_compressor(Compression compression, ByteSink& out) {
  switch (compression) {
    case Compression::gzip:
      return make_gzip_compressor(out);
    case Compression::xz:
      return make_xz_compressor(out);
    case Compression::zstd:
      return make_zstd_compressor(out);
    case Compression::none:
      break;
  }
  return std::unique_ptr<Compressor>{std::make_unique<PlainCopy>(out)};
}

std::string_view suffix_of(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return ".gz";
    case Compression::xz:
      return ".xz";
    case Compression::zstd:
      return ".zst";
    case Compression::none:
      break;
  }
  return "";
}

}  // namespace patchbay::artifact
