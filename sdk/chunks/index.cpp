#include "sdk/chunks/index.hpp"

#include <algorithm>
#include <map>

#include "sdk/slot/sha256.hpp"

namespace patchbay::chunks {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr std::string_view kMagic = "pbchunk1";
constexpr std::size_t kHead = kMagic.size() + 4 * sizeof(std::uint32_t);
constexpr std::size_t kRow = sizeof(ChunkSum) + 2 * sizeof(std::uint32_t);

constexpr std::uint32_t kLeastOfAll = 4U * 1024;
constexpr std::uint32_t kMostOfAll = 1024U * 1024;

void append(std::string& bytes, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes += static_cast<char>((number >> shift) & 255U);
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return number;
}

Error damaged(const std::string& why) {
  return Error{"the index of chunks is damaged: " + why};
}
Error wrong_chunk(std::size_t number, const std::string& why) {
  return damaged("chunk " + std::to_string(number) + " " + why);
}

Status check(const CutRules& rules) {
  const bool possible = rules.least >= kLeastOfAll && rules.least < rules.most &&
                        rules.most <= kMostOfAll && rules.bits >= 8 && rules.bits <= 20;
  if (possible) return Done{};
  return damaged("it is cut into chunks of " + std::to_string(rules.least) + " to " +
                 std::to_string(rules.most) + " bytes, 2^" + std::to_string(rules.bits));
}

// What cannot be made smaller becomes a little larger.
std::uint32_t stored_limit(std::uint32_t size) {
  return size + size / 128 + 512;
}

/// Rows, as they come.
class Rows {
 public:
  explicit Rows(const CutRules& rules) { index_.rules = rules; }

  Status take(std::string_view row, std::size_t number, bool last) {
    Chunk chunk;
    std::transform(row.begin(), row.begin() + sizeof(ChunkSum), chunk.sum.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    chunk.size = number_at(row, sizeof(ChunkSum));
    chunk.stored = number_at(row, sizeof(ChunkSum) + sizeof(std::uint32_t));
    const auto least = last ? 1U : index_.rules.least;
    if (chunk.size < least || chunk.size > index_.rules.most)
      return wrong_chunk(number, "has " + std::to_string(chunk.size) + " bytes");
    if (chunk.stored > stored_limit(chunk.size))
      return wrong_chunk(number, "of " + std::to_string(chunk.size) + " bytes has " +
                                     std::to_string(chunk.stored) + " in the pack");
    PATCHBAY_CHECK(place(chunk, number));
    index_.image_size += chunk.size;
    index_.chunks.push_back(chunk);
    return Done{};
  }
  Index finish() { return std::move(index_); }

 private:
  Status place(Chunk& chunk, std::size_t number) {
    const auto [known, is_new] = first_.try_emplace(chunk.sum, index_.chunks.size());
    if (chunk.stored > 0) {
      chunk.at = index_.pack_size;
      index_.pack_size += chunk.stored;
      return Done{};
    }
    if (is_new || index_.chunks[known->second].size != chunk.size)
      return wrong_chunk(number, "is said to be an earlier one, and there is none like it");
    chunk.at = index_.chunks[known->second].at;
    chunk.stored = index_.chunks[known->second].stored;
    return Done{};
  }

  Index index_;
  std::map<ChunkSum, std::size_t> first_;  // where the first one with that sum stands
};

}  // namespace

Result<ChunkSum> sum_of(std::span<const std::byte> chunk) {
  slot::Sha256 sha256;
  sha256.update(chunk);
  PATCHBAY_TRY(const auto hex, sha256.finish());
  ChunkSum sum;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  return sum;
}

std::string to_bytes(const Index& index) {
  std::string bytes{kMagic};
  append(bytes, index.rules.least);
  append(bytes, index.rules.most);
  append(bytes, index.rules.bits);
  append(bytes, static_cast<std::uint32_t>(index.chunks.size()));
  std::uint64_t end = 0;  // of the pack so far
  for (const auto& chunk : index.chunks) {
    for (const auto byte : chunk.sum)
      bytes += static_cast<char>(byte);
    const bool is_new = chunk.at == end;
    append(bytes, chunk.size);
    append(bytes, is_new ? chunk.stored : 0);
    if (is_new) end += chunk.stored;
  }
  return bytes;
}

Result<Index> parse_index(std::string_view bytes, std::uint64_t image_size) {
  if (bytes.size() < kHead || !bytes.starts_with(kMagic))
    return Error{
        "the payload is no index of chunks, or one of another version; it is made by "
        "`patchbay-artifact write rootfs-chunks`"};
  const auto field = [&bytes](std::size_t number) {
    return number_at(bytes, kMagic.size() + number * sizeof(std::uint32_t));
  };
  const CutRules rules{field(0), field(1), field(2)};
  PATCHBAY_CHECK(check(rules));
  const std::uint64_t count = field(3);
  if (bytes.size() != kHead + count * kRow)
    return damaged("it has " + std::to_string(bytes.size()) + " bytes, and " +
                   std::to_string(count) + " chunks");
  Rows rows{rules};
  for (std::size_t i = 0; i < count; ++i)
    PATCHBAY_CHECK(rows.take(bytes.substr(kHead + i * kRow, kRow), i + 1, i + 1 == count));
  auto index = rows.finish();
  if (index.image_size == image_size) return index;
  return damaged("its chunks have " + std::to_string(index.image_size) + " bytes, the image has " +
                 std::to_string(image_size));
}

std::uint64_t index_limit(std::uint64_t image_size) {
  return kHead + (image_size / kLeastOfAll + 1) * kRow;
}

}  // namespace patchbay::chunks
