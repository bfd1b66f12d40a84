#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/artifact/limits.hpp"
#include "core/artifact/writer.hpp"
#include "core/base/byte_source.hpp"

/// Decompression as ByteSource on ByteSource. Each decoder expects exactly one layer of its own
/// format, reads its input to the very end, verifies the check values of the format, and refuses
/// anything behind the compressed data.
namespace patchbay::artifact {

/// The compression a name suffix stands for: "", ".gz", ".xz", ".zst"; nothing for others.
std::optional<Compression> compression_of(std::string_view suffix);

/// A decoder over `input`, which must outlive it. `none` is not a decoder: must not be asked for.
std::unique_ptr<ByteSource> make_decoder(Compression compression, ByteSource& input,
                                         const Limits& limits);

/// RFC 1952, one member or several. zlib is always there; ISA-L, several times faster, where the
/// build found it (PATCHBAY_HAVE_ISAL).
std::unique_ptr<ByteSource> make_zlib_decoder(ByteSource& input);
std::unique_ptr<ByteSource> make_isal_decoder(ByteSource& input);

/// One .xz stream of any number of blocks; independent blocks are decoded by two threads.
std::unique_ptr<ByteSource> make_xz_decoder(ByteSource& input, const Limits& limits);

/// RFC 8878, one frame or several, no skippable frames.
std::unique_ptr<ByteSource> make_zstd_decoder(ByteSource& input, const Limits& limits);

}  // namespace patchbay::artifact
