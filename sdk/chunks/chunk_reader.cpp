#include "sdk/chunks/chunk_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace patchbay::chunks {
namespace {

using module::Done;
using module::Result;
using module::Status;

// A number for each byte: both sides have to have the same, so it is part of the format (splitmix64
// from 0 on).
constexpr std::array<std::uint64_t, 256> make_gear() {
  std::array<std::uint64_t, 256> gear{};
  std::uint64_t state = 0;
  for (auto& number : gear) {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    number = mixed ^ (mixed >> 31U);
  }
  return gear;
}
constexpr auto kGear = make_gear();
constexpr std::size_t kWindow = 64;  // bytes that a 64-bit gear hash still remembers

/// How long the first chunk of `bytes` is, of which there are `rules.most` unless they end.
std::size_t first_chunk(const CutRules& rules, std::span<const std::byte> bytes) {
  if (bytes.size() <= rules.least) return bytes.size();
  const auto end = std::min<std::size_t>(bytes.size(), rules.most);
  const auto unused = 64 - rules.bits;
  std::uint64_t hash = 0;
  for (std::size_t i = rules.least - kWindow; i < rules.least; ++i)
    hash = (hash << 1U) + kGear[std::to_integer<std::size_t>(bytes[i])];
  for (std::size_t i = rules.least; i < end; ++i) {
    hash = (hash << 1U) + kGear[std::to_integer<std::size_t>(bytes[i])];
    if (hash >> unused == 0) return i + 1;
  }
  return end;
}

}  // namespace

ChunkReader::ChunkReader(const CutRules& rules, Source source)
    : rules_{rules}, source_{std::move(source)}, buffer_(std::size_t{rules.most} * 8) {
}

Result<std::span<const std::byte>> ChunkReader::next() {
  if (to_ - from_ < rules_.most && !ended_) PATCHBAY_CHECK(refill());
  const std::span<const std::byte> rest{buffer_.data() + from_, to_ - from_};
  const auto size = first_chunk(rules_, rest);
  from_ += size;
  return rest.first(size);
}

Status ChunkReader::refill() {
  const auto position = [this](std::size_t at) {
    return buffer_.begin() + static_cast<std::ptrdiff_t>(at);
  };
  std::move(position(from_), position(to_), buffer_.begin());
  to_ -= from_;
  from_ = 0;
  while (to_ < buffer_.size() && !ended_) {
    PATCHBAY_TRY(const auto count, source_(std::span{buffer_}.subspan(to_)));
    to_ += count;
    ended_ = count == 0;
  }
  return Done{};
}

}  // namespace patchbay::chunks
