#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "core/artifact/reader.hpp"
#include "core/base/byte_source.hpp"
#include "core/base/bytes.hpp"

/// Helpers for tests that read whole artifacts.
namespace patchbay::testing {

/// Hands out a text a few bytes at a time.
class ChunkSource final : public ByteSource {
 public:
  ChunkSource(std::string_view text, std::size_t chunk) : rest_{text}, chunk_{chunk} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min({out.size(), rest_.size(), chunk_});
    std::copy_n(as_bytes(rest_).begin(), count, out.begin());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
  std::size_t chunk_;
};

/// What came out of an artifact that has been read to its end.
struct ReadArtifact {
  struct File {
    artifact::PayloadFile file;
    std::uint64_t bytes = 0;  ///< how many read() handed over
    std::string sha256;       ///< of those bytes
  };
  artifact::Header header;
  artifact::SignatureState signature = artifact::SignatureState::none;
  std::string verified_by;
  std::vector<File> files;
};

/// Reads everything and finishes.
Result<ReadArtifact> read_artifact(ByteSource& source, const artifact::ReaderOptions& options);

}  // namespace patchbay::testing
