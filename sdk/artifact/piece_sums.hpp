#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/artifact/compress.hpp"
#include "core/artifact/writer.hpp"

/// Sums of the pieces of a payload's only file, which its meta-data may have so that a device need
/// not read all of it with one core: docs/artifact-format.md.
namespace patchbay::artifact_tool {

struct PieceSums {
  std::string of;          ///< SHA-256 of the file, in hex
  std::uint64_t size = 0;  ///< bytes of a piece; the last one may have fewer
  std::string sums;        ///< SHA-256 of every piece, in hex, one behind the other

  bool operator==(const PieceSums&) const = default;
  [[nodiscard]] std::uint64_t count() const;
  /// That of piece `index`, which has to be there.
  [[nodiscard]] std::string sum(std::uint64_t index) const;
};

/// Bytes that pieces can have: a device reads whole blocks, and those who add up hold some pieces.
inline constexpr std::uint64_t kPieceUnit = 4 * kKiB;
inline constexpr std::uint64_t kLargestPiece = 16 * kMiB;
bool is_piece_size(std::uint64_t bytes);
/// "a multiple of ..."
std::string piece_size_rule();

/// How many pieces a file of `bytes` has.
std::uint64_t count_pieces(std::uint64_t bytes, std::uint64_t piece_size);

/// Adds up the pieces of what is written to it, on up to four cores.
class PieceHasher final : public artifact::ByteSink {
 public:
  /// `piece_size` is one.
  static Result<PieceHasher> start(std::uint64_t piece_size);
  PieceHasher(PieceHasher&&) noexcept;
  PieceHasher& operator=(PieceHasher&&) noexcept;
  ~PieceHasher() override;

  Status write(ByteSpan bytes) override;
  /// PieceSums::sums.
  Result<std::string> finish();

 private:
  class Sums;
  PieceHasher();
  std::unique_ptr<Sums> sums_;  ///< before what writes to it
  std::unique_ptr<artifact::Compressor> pieces_;
  bool is_empty_ = true;
};

/// Reads the file once.
Result<PieceSums> piece_sums_of(const artifact::PayloadSpec::File& file, std::uint64_t piece_size);

/// Whether meta-data has something where they would be.
bool has_pieces_key(const std::string& meta_data);

/// Those that meta-data has; nothing: it has none. invalid_input if they are not what a device
/// reads.
Result<std::optional<PieceSums>> piece_sums_in(const std::string& meta_data);

/// `meta_data`, empty or a JSON object, with these, or without any. A file of nothing has none.
std::string with_piece_sums(const std::string& meta_data, const PieceSums& pieces);
std::string without_piece_sums(const std::string& meta_data);

/// `meta_data` for people: with the number of the sums in their place.
std::string with_piece_sums_counted(const std::string& meta_data);

}  // namespace patchbay::artifact_tool
