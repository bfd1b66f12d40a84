// Any bytes as meta-data. Sums of pieces that are taken out and put back are the same, and what was
// beside them has none.

#include <cstdlib>
#include <string>

#include "core/artifact/json_check.hpp"
#include "core/artifact/limits.hpp"
#include "fuzz_target.hpp"
#include "sdk/artifact/piece_sums.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace patchbay::artifact_tool;
  const std::string text{reinterpret_cast<const char*>(data), size};
  // As whoever reads an artifact does first.
  if (!patchbay::artifact::check_json_object(text, patchbay::artifact::Limits{})) return 0;
  static_cast<void>(with_piece_sums_counted(text));
  const auto pieces = piece_sums_in(text);
  if (!pieces || !*pieces) return 0;
  if ((*pieces)->count() == 0 || !is_piece_size((*pieces)->size)) std::abort();
  const std::string rest = without_piece_sums(text);
  if (has_pieces_key(rest)) std::abort();
  const auto again = piece_sums_in(with_piece_sums(rest, **pieces));
  if (!again || *again != *pieces) std::abort();
  return 0;
}
