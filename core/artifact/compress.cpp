#include "core/artifact/compress.hpp"

#include <algorithm>
#include <string>
#include <thread>

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

unsigned threads_of(const CompressionSettings& settings) {
  if (settings.threads > 0) return settings.threads;
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

LevelRange level_range_of(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return {1, 12, 1};
    case Compression::xz:
      return {0, 9, 6};
    case Compression::zstd:
      return {1, 19, 3};
    case Compression::none:
      break;
  }
  return {0, 0, 0};
}

Result<std::unique_ptr<Compressor>> make_compressor(const CompressionSettings& settings,
                                                    ByteSink& out) {
  const LevelRange range = level_range_of(settings.kind);
  const int level = settings.level.value_or(range.standard);
  if (level < range.lowest || level > range.highest) {
    return Error{ErrorCode::invalid_input, "compression level " + std::to_string(level) +
                                               " is not from " + std::to_string(range.lowest) +
                                               " to " + std::to_string(range.highest)};
  }
  switch (settings.kind) {
    case Compression::gzip:
      return make_gzip_compressor(level, threads_of(settings), out);
    case Compression::xz:
      return make_xz_compressor(level, threads_of(settings), out);
    case Compression::zstd:
      return make_zstd_compressor(level, threads_of(settings), out);
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
