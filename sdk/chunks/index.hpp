#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patchbay/result.hpp"

/// An image as chunks: the index says what they are, the pack holds each of them once, compressed.
/// docs/chunk-index.md has the format.
namespace patchbay::chunks {

/// Where an image is cut: behind a byte whose surroundings say so, but never sooner than `least`
/// bytes and never later than `most`. What decides is content alone, so that what moves is cut
/// alike.
struct CutRules {
  std::uint32_t least = 8U * 1024;
  std::uint32_t most = 64U * 1024;
  std::uint32_t bits = 13;  ///< behind `least`, every 2^bits-th byte ends a chunk
};

/// The first half of the SHA-256 of a chunk.
using ChunkSum = std::array<std::uint8_t, 16>;
module::Result<ChunkSum> sum_of(std::span<const std::byte> chunk);

struct Chunk {
  ChunkSum sum{};
  std::uint32_t size = 0;    ///< bytes in the image
  std::uint64_t at = 0;      ///< where it begins in the pack
  std::uint32_t stored = 0;  ///< bytes in the pack
};

struct Index {
  CutRules rules{};
  std::vector<Chunk>
      chunks{};  ///< the image, front to back; equal ones share their place in the pack
  std::uint64_t image_size = 0;
  std::uint64_t pack_size = 0;
};

std::string to_bytes(const Index& index);

/// Reads an index that has to be of an image of `image_size` bytes. Whatever the bytes are: a chunk
/// lies within the pack, is no larger than `rules.most`, and memory in use is twice that of
/// `bytes`.
module::Result<Index> parse_index(std::string_view bytes, std::uint64_t image_size);

/// More than an index of such an image ever has.
std::uint64_t index_limit(std::uint64_t image_size);

}  // namespace patchbay::chunks
