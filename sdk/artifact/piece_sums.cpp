#include "sdk/artifact/piece_sums.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/artifact/block_compressor.hpp"
#include "core/artifact/sha256.hpp"
#include "core/artifact/trailing_sum.hpp"
#include "core/os/file.hpp"

namespace patchbay::artifact_tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPieces = "pieces";  // of meta-data; what follows is in it
constexpr const char* kOf = "of";
constexpr const char* kSize = "size";
constexpr const char* kSums = "sha256";
constexpr const char* kCount = "count";
constexpr std::size_t kHexDigits = 2 * sizeof(artifact::Digest);
constexpr std::size_t kStep = 256 * kKiB;
// More of them wait for what reads.
constexpr unsigned kMostThreads = 4;

class DigestEncoder final : public artifact::BlockEncoder {
 public:
  Status encode(ByteSpan block, ByteVector& out) override {
    PB_TRY(const artifact::Digest digest, artifact::sha256(block));
    out.assign(digest.begin(), digest.end());
    return Done{};
  }
};

Result<std::unique_ptr<ByteSource>> open_file(const artifact::PayloadSpec::File& file) {
  if (file.content) return file.content->open();
  PB_TRY(UniqueFd fd, os::open_file(file.path, O_RDONLY));
  return std::unique_ptr<ByteSource>{std::make_unique<os::FdSource>(std::move(fd), file.path)};
}

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Error wrong(const std::string& why) {
  return {ErrorCode::invalid_input, "meta-data: pieces: " + why};
}

Result<std::uint64_t> size_in(const Json& said) {
  const auto found = said.find(kSize);
  const bool number = found != said.end() && found->is_number_unsigned();
  const std::uint64_t size = number ? found->get<std::uint64_t>() : 0;
  if (is_piece_size(size)) return size;
  return wrong("size has to be " + piece_size_rule() + ", not " +
               printable(found == said.end() ? "missing" : found->dump()));
}

/// Hex digits below `key`.
Result<std::string> digits_in(const Json& said, const char* key) {
  const auto found = said.find(key);
  if (found == said.end() || !found->is_string()) return wrong(std::string{key} + " is no text");
  auto digits = found->get<std::string>();
  if (!digits.empty() && digits.size() % kHexDigits == 0 && is_hex(digits)) return digits;
  return wrong(std::string{key} + " \"" + printable(digits) +
               "\" has to be 64 lower-case hex digits for each sum");
}

/// An object with another meaning for a module may have the same name.
bool are_piece_sums(const Json& meta_data) {
  if (!meta_data.is_object()) return false;
  const auto found = meta_data.find(kPieces);
  return found != meta_data.end() && found->is_object() && found->contains(kOf) &&
         found->contains(kSums);
}

Json parsed(const std::string& meta_data) {
  auto json = Json::parse(meta_data.empty() ? "{}" : meta_data, nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::uint64_t PieceSums::count() const {
  return sums.size() / kHexDigits;
}

std::string PieceSums::sum(std::uint64_t index) const {
  return sums.substr(in_memory(index) * kHexDigits, kHexDigits);
}

bool is_piece_size(std::uint64_t bytes) {
  return bytes > 0 && bytes % kPieceUnit == 0 && bytes <= kLargestPiece;
}

std::string piece_size_rule() {
  return "a multiple of " + std::to_string(kPieceUnit) + " bytes, at most " +
         std::to_string(kLargestPiece);
}

std::uint64_t count_pieces(std::uint64_t bytes, std::uint64_t piece_size) {
  return bytes / piece_size + (bytes % piece_size == 0 ? 0 : 1);
}

/// Where the digests arrive in their order.
class PieceHasher::Sums final : public artifact::ByteSink {
 public:
  Status write(ByteSpan bytes) override {
    hex += to_hex(bytes);
    return Done{};
  }
  std::string hex;
};

PieceHasher::PieceHasher() : sums_{std::make_unique<Sums>()} {
}
PieceHasher::PieceHasher(PieceHasher&&) noexcept = default;
PieceHasher& PieceHasher::operator=(PieceHasher&&) noexcept = default;
PieceHasher::~PieceHasher() = default;

Result<PieceHasher> PieceHasher::start(std::uint64_t piece_size) {
  PieceHasher made;
  const artifact::MakeBlockEncoder encoder =
      []() -> Result<std::unique_ptr<artifact::BlockEncoder>> {
    return std::unique_ptr<artifact::BlockEncoder>{std::make_unique<DigestEncoder>()};
  };
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
  PB_TRY(made.pieces_,
         artifact::make_block_compressor(encoder, in_memory(piece_size), threads, *made.sums_));
  return made;
}

Status PieceHasher::write(ByteSpan bytes) {
  is_empty_ = is_empty_ && bytes.empty();
  return pieces_->write(bytes);
}

Result<std::string> PieceHasher::finish() {
  if (is_empty_) return std::string{};
  PB_CHECK(pieces_->finish());
  return std::move(sums_->hex);
}

Result<PieceSums> piece_sums_of(const artifact::PayloadSpec::File& file, std::uint64_t piece_size) {
  PB_TRY(const auto source, open_file(file));
  PB_TRY(PieceHasher pieces, PieceHasher::start(piece_size));
  std::array<ByteVector, artifact::TrailingSum::kBehind + 1> buffers;
  artifact::TrailingSum whole;
  for (std::size_t turn = 0;; ++turn) {
    ByteVector& buffer = buffers[turn % buffers.size()];
    buffer.resize(kStep);
    PB_TRY(const std::size_t count, source->read(buffer));
    if (count == 0) break;
    const ByteSpan bytes = ByteSpan{buffer}.first(count);
    PB_CHECK(whole.update(bytes));
    PB_CHECK(pieces.write(bytes));
  }
  PB_TRY(const artifact::Digest digest, whole.finish());
  PB_TRY(std::string sums, pieces.finish());
  return PieceSums{to_hex(digest), piece_size, std::move(sums)};
}

bool has_pieces_key(const std::string& meta_data) {
  return parsed(meta_data).contains(kPieces);
}

Result<std::optional<PieceSums>> piece_sums_in(const std::string& meta_data) {
  const Json json = parsed(meta_data);
  if (!are_piece_sums(json)) return std::optional<PieceSums>{};
  const Json& said = json[kPieces];
  PieceSums pieces;
  PB_TRY(pieces.size, size_in(said));
  PB_TRY(pieces.of, digits_in(said, kOf));
  if (pieces.of.size() != kHexDigits) return wrong("of has to be one sum");
  PB_TRY(pieces.sums, digits_in(said, kSums));
  return std::optional{std::move(pieces)};
}

std::string with_piece_sums(const std::string& meta_data, const PieceSums& pieces) {
  if (pieces.count() == 0) return without_piece_sums(meta_data);
  Json json = parsed(meta_data);
  json[kPieces] = Json{{kOf, pieces.of}, {kSize, pieces.size}, {kSums, pieces.sums}};
  return text_of(json);
}

std::string without_piece_sums(const std::string& meta_data) {
  Json json = parsed(meta_data);
  if (!are_piece_sums(json)) return meta_data;
  json.erase(kPieces);
  return json.empty() ? "" : text_of(json);
}

std::string with_piece_sums_counted(const std::string& meta_data) {
  const auto pieces = piece_sums_in(meta_data);
  if (!pieces || !*pieces) return meta_data;
  Json json = parsed(meta_data);
  json[kPieces] =
      Json{{kOf, (*pieces)->of}, {kSize, (*pieces)->size}, {kCount, (*pieces)->count()}};
  return text_of(json);
}

}  // namespace patchbay::artifact_tool
