#include "modules/rootfs-image/piece_sums.hpp"

#include <nlohmann/json.hpp>

namespace patchbay::rootfs_image {

using module::Error;
using module::Result;
using slot::PieceSums;

namespace {

constexpr std::uint64_t kUnit = 4096;  // what is read at once has to be aligned
constexpr std::uint64_t kMostBytes = 16 * 1024 * 1024;

Error wrong(const std::string& what) {
  return Error{
      "the meta-data's \"pieces\" of a rootfs-image are "
      R"({"of": "...", "size": BYTES, "sha256": "..."}; )" +
      what};
}

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<PieceSums> parse(const nlohmann::json& pieces) {
  const auto size = pieces.find("size");
  const auto sums = pieces.find("sha256");
  if (size == pieces.end() || !size->is_number_unsigned()) return wrong("their size is no number");
  const auto bytes = size->get<std::uint64_t>();
  if (bytes == 0 || bytes % kUnit != 0 || bytes > kMostBytes)
    return wrong("their size, " + std::to_string(bytes) + ", is no multiple of " +
                 std::to_string(kUnit) + " up to " + std::to_string(kMostBytes));
  if (sums == pieces.end() || !sums->is_string()) return wrong("their sha256 is no text");
  auto text = sums->get<std::string>();
  if (text.empty() || text.size() % 64 != 0 || !is_hex(text))
    return wrong("their sha256 is not 64 hexadecimal digits for each");
  return PieceSums{bytes, std::move(text)};
}

}  // namespace

Result<PieceSums> read_piece_sums(const module::Context& context, const std::string& promised_sum) {
  PATCHBAY_TRY(const auto text, context.meta_data());
  const auto meta_data = nlohmann::json::parse(text, nullptr, false);
  if (!meta_data.is_object() || !meta_data.contains("pieces")) return PieceSums{};
  const auto& pieces = meta_data["pieces"];
  if (!pieces.is_object()) return wrong("they are no object");
  const auto of = pieces.find("of");
  if (of == pieces.end() || !of->is_string()) return wrong("they do not say of which image");
  if (promised_sum.empty() || *of != promised_sum) return PieceSums{};
  return parse(pieces);
}

}  // namespace patchbay::rootfs_image
