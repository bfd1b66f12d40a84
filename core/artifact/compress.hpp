#pragma once

#include <memory>
#include <string_view>

#include "core/artifact/byte_sink.hpp"
#include "core/artifact/writer.hpp"

namespace patchbay::artifact {

/// Compresses what is written to it into another sink. finish() must be called at the end. The
/// output depends on the input and the level only, not on the number of processors, of threads, or
/// the sizes of the writes. Memory depends on the number of threads, not on the length of the
/// input.
class Compressor : public ByteSink {
 public:
  virtual Status finish() = 0;
};

/// `out` must outlive the compressor and is written to by the thread that calls it only. Refuses a
/// level outside level_range_of().
Result<std::unique_ptr<Compressor>> make_compressor(const CompressionSettings& settings,
                                                    ByteSink& out);

/// Behind "header.tar" and "data/0000.tar": "", ".gz", ".xz" or ".zst".
std::string_view suffix_of(Compression compression);

/// As above for one format each. `threads` is at least 1.
Result<std::unique_ptr<Compressor>> make_gzip_compressor(int level, unsigned threads,
                                                         ByteSink& out);
Result<std::unique_ptr<Compressor>> make_xz_compressor(int level, unsigned threads, ByteSink& out);
Result<std::unique_ptr<Compressor>> make_zstd_compressor(int level, unsigned threads,
                                                         ByteSink& out);

/// What an xz block and a zstd frame hold at most. Blocks and frames of this size can be decoded in
/// parallel; every decoder that knows the format reads them one after the other.
inline constexpr std::size_t kParallelBlockBytes = 8 * kMiB;

}  // namespace patchbay::artifact
