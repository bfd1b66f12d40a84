#pragma once

#include <string>
#include <vector>

#include "core/artifact/contents.hpp"
#include "sdk/artifact/piece_sums.hpp"

/// Piece sums of an artifact, held against its files.
namespace patchbay::artifact_tool {

enum class PiecesOf : std::uint8_t {
  the_file,
  plain_file,    ///< of what is encrypted in the artifact
  another_file,  ///< left behind by a program that does not know them; no device uses them
};
PiecesOf whose_pieces(const artifact::Contents& contents, std::size_t payload,
                      const PieceSums& pieces);

/// Reads all of an artifact as read_artifact() does, and checks every sum of a piece that a device
/// would check. Errors of these are `integrity`, and name the first piece that is wrong.
Result<artifact::Contents> read_with_pieces(const std::string& path,
                                            const std::vector<artifact::VerificationKey>& keys,
                                            artifact::Augments augments);

}  // namespace patchbay::artifact_tool
