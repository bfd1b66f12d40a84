#include "artifact_probe.hpp"

#include "core/artifact/sha256.hpp"

namespace patchbay::testing {
namespace {

Result<ReadArtifact::File> read_file(artifact::Reader& reader, artifact::PayloadFile file) {
  ReadArtifact::File result{std::move(file), 0, {}};
  artifact::Sha256 sum;
  while (true) {
    PB_TRY(const ByteSpan bytes, reader.read());
    if (bytes.empty()) break;
    result.bytes += bytes.size();
    sum.update(bytes);
  }
  PB_TRY(const artifact::Digest digest, sum.finish());
  result.sha256 = to_hex(digest);
  return result;
}

}  // namespace

Result<ReadArtifact> read_artifact(ByteSource& source, const artifact::ReaderOptions& options) {
  PB_TRY(artifact::Reader reader, artifact::Reader::open(source, options));
  ReadArtifact result{reader.header(), reader.signature(), reader.verified_by(), {}};
  for (std::size_t index = 0; index < result.header.payloads.size(); ++index) {
    while (true) {
      PB_TRY(auto file, reader.next_file(index));
      if (!file) break;
      PB_TRY(auto content, read_file(reader, std::move(*file)));
      result.files.push_back(std::move(content));
    }
  }
  PB_CHECK(reader.finish());
  return result;
}

}  // namespace patchbay::testing
