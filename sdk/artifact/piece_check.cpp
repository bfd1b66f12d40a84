#include "sdk/artifact/piece_check.hpp"

#include <algorithm>

#include "core/artifact/names.hpp"
#include "sdk/artifact/artifact_file.hpp"
#include "sdk/artifact/passage.hpp"

namespace patchbay::artifact_tool {
namespace {

using artifact::PayloadFile;
using artifact::PayloadHeader;

/// Those that can be checked. Its module takes nothing else under this name.
Result<std::optional<PieceSums>> piece_sums_of_plain(const PayloadHeader& payload) {
  if (is_encrypted(payload)) return std::optional<PieceSums>{};
  PB_TRY(auto pieces, piece_sums_in(payload.meta_data));
  if (!pieces && payload.type == "rootfs-image" && has_pieces_key(payload.meta_data))
    return Error{ErrorCode::invalid_input,
                 R"(meta-data: pieces: they are no {"of": SUM, "size": BYTES, "sha256": SUMS})"};
  return pieces;
}

Status compare(const PayloadFile& file, const PieceSums& want, const std::string& have) {
  const std::uint64_t count = count_pieces(file.size, want.size);
  if (want.count() != count)
    return Error{ErrorCode::integrity, "meta-data has sums of " + std::to_string(want.count()) +
                                           " pieces, but the file has " + std::to_string(count) +
                                           " of " + std::to_string(want.size) + " bytes"};
  const PieceSums found{want.of, want.size, have};
  for (std::uint64_t i = 0; i < count; ++i) {
    if (want.sum(i) == found.sum(i)) continue;
    return Error{ErrorCode::integrity, "piece " + std::to_string(i) + ", from byte " +
                                           std::to_string(i * want.size) +
                                           ": sha256 differs: meta-data has " + want.sum(i) +
                                           ", the file " + found.sum(i)};
  }
  return Done{};
}

Status read_file(artifact::Reader& reader, artifact::ByteSink* sink) {
  while (true) {
    PB_TRY(const ByteSpan bytes, reader.read());
    if (bytes.empty()) return Done{};
    if (sink != nullptr) PB_CHECK(sink->write(bytes));
  }
}

Status read_and_check(artifact::Reader& reader, const PayloadFile& file,
                      const std::optional<PieceSums>& pieces) {
  if (!pieces || pieces->of != file.sha256) return read_file(reader, nullptr);
  PB_TRY(PieceHasher hasher, PieceHasher::start(pieces->size));
  PB_CHECK(read_file(reader, &hasher));
  PB_TRY(const std::string sums, hasher.finish());
  return compare(file, *pieces, sums)
      .context("payload " + artifact::index_text(file.payload) + ": " + file.name);
}

Status read_payload(artifact::Reader& reader, std::size_t index, std::vector<PayloadFile>& files) {
  auto pieces = piece_sums_of_plain(reader.header().payloads[index]);
  if (!pieces) return std::move(pieces).error().context("payload " + artifact::index_text(index));
  while (true) {
    PB_TRY(std::optional<PayloadFile> file, reader.next_file(index));
    if (!file) return Done{};
    PB_CHECK(read_and_check(reader, *file, *pieces));
    files.push_back(std::move(*file));
  }
}

/// As artifact::read_contents(), which does not tell its sinks what the header says.
Result<artifact::Contents> read_all(ByteSource& source, const artifact::ReaderOptions& options) {
  PB_TRY(artifact::Reader reader, artifact::Reader::open(source, options));
  artifact::Contents contents{reader.header(), reader.signature(), reader.verified_by(), {}, {}};
  for (std::size_t index = 0; index < contents.header.payloads.size(); ++index)
    PB_CHECK(read_payload(reader, index, contents.files));
  PB_CHECK(reader.finish());
  contents.entries = reader.entries();
  return contents;
}

}  // namespace

PiecesOf whose_pieces(const artifact::Contents& contents, std::size_t payload,
                      const PieceSums& pieces) {
  if (is_encrypted(contents.header.payloads[payload])) return PiecesOf::plain_file;
  const bool found = std::any_of(
      contents.files.begin(), contents.files.end(),
      [&](const PayloadFile& file) { return file.payload == payload && file.sha256 == pieces.of; });
  return found ? PiecesOf::the_file : PiecesOf::another_file;
}

Result<artifact::Contents> read_with_pieces(const std::string& path,
                                            const std::vector<artifact::VerificationKey>& keys,
                                            artifact::Augments augments) {
  PB_TRY(os::FdSource source, open_artifact(path));
  auto contents = read_all(source, {keys, {}, augments});
  if (contents || contents.error().error_number() != 0) return contents;
  return std::move(contents).context(path == "-" ? "standard input" : path);
}

}  // namespace patchbay::artifact_tool
