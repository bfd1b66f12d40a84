// Blocks compressed by several threads: in order, the same for every number of threads, readable.

#include "core/artifact/compress.hpp"

#include <gtest/gtest.h>

#include <random>

#include "core/artifact/block_compressor.hpp"
#include "core/artifact/compression_names_test.hpp"
#include "core/artifact/decompress.hpp"
#include "core/artifact/sources.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::artifact {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::noise;

class StringSink final : public ByteSink {
 public:
  Status write(ByteSpan bytes) override {
    text.append(as_text(bytes));
    return Done{};
  }
  std::string text;
};

class FullSink final : public ByteSink {
 public:
  Status write(ByteSpan) override { return Error{ErrorCode::no_space, "the disk is full"}; }
};

/// Words, noise, zeros and words again, so that every way to treat a piece is taken.
std::string mixture(std::size_t size) {
  std::mt19937 random{42};
  std::string text;
  while (text.size() < size / 3)
    text += "word" + std::to_string(random() % 1000) + " ";
  while (text.size() < size / 2)
    text += static_cast<char>(random() & 0xFFU);
  text.resize(size / 3 * 2, '\0');
  while (text.size() < size)
    text += "another" + std::to_string(random() % 1000) + ",";
  text.resize(size);
  return text;
}

Result<std::string> compress(const CompressionSettings& settings, std::string_view text,
                             std::size_t step) {
  StringSink sink;
  PB_TRY(const auto compressor, make_compressor(settings, sink));
  for (std::size_t at = 0; at < text.size(); at += step)
    PB_CHECK(compressor->write(as_bytes(text.substr(at, step))));
  PB_CHECK(compressor->finish());
  return std::move(sink.text);
}

Result<std::string> decompress(Compression kind, const std::string& packed) {
  MemorySource input{as_bytes(packed)};
  const auto decoder = make_decoder(kind, input, Limits{});
  std::string text;
  ByteVector buffer(100'000);
  for (;;) {
    PB_TRY(const std::size_t count, decoder->read(buffer));
    if (count == 0) return text;
    text += as_text(ByteSpan{buffer}.first(count));
  }
}

class EveryFormat : public ::testing::TestWithParam<Compression> {};

TEST_P(EveryFormat, GivenAnySize_WhenCompressed_ThenReadBackTheSame) {
  for (const std::size_t size : std::initializer_list<std::size_t>{
           0, 1, 32 * kKiB, 512 * kKiB - 1, 512 * kKiB, 512 * kKiB + 1, 8 * kMiB + 1}) {
    const std::string text = mixture(size);

    const auto packed = compress({GetParam(), level_range_of(GetParam()).lowest, 2}, text, 70'001);

    ASSERT_THAT(packed, IsOk());
    const auto back = decompress(GetParam(), *packed);
    ASSERT_THAT(back, IsOk());
    EXPECT_TRUE(*back == text) << size;
  }
}

TEST_P(EveryFormat, GivenOtherNumbersOfThreadsAndSteps_WhenCompressed_ThenSameBytes) {
  const std::string text = mixture(9 * kMiB);
  CompressionSettings settings{GetParam(), level_range_of(GetParam()).lowest, 1};
  const auto one = compress(settings, text, text.size());
  settings.threads = 5;
  const auto five = compress(settings, text, 4096);

  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(five, IsOk());
  EXPECT_TRUE(*one == *five);
}

TEST_P(EveryFormat, GivenHigherLevel_WhenCompressed_ThenSmaller) {
  const std::string text = mixture(kMiB);
  const LevelRange range = level_range_of(GetParam());
  const auto quick = compress({GetParam(), range.lowest, 1}, text, text.size());
  const auto small = compress({GetParam(), range.highest, 1}, text, text.size());

  ASSERT_THAT(quick, IsOk());
  ASSERT_THAT(small, IsOk());
  EXPECT_LT(small->size(), quick->size());
  EXPECT_THAT(decompress(GetParam(), *small), IsOk());
}

TEST_P(EveryFormat, GivenLevelOutOfRange_WhenSetUp_ThenRefusedWithTheRange) {
  StringSink sink;
  const LevelRange range = level_range_of(GetParam());
  for (const int level : {range.lowest - 1, range.highest + 1}) {
    const auto made = make_compressor({GetParam(), level, 1}, sink);
    EXPECT_THAT(made, FailsWith(ErrorCode::invalid_input, HasSubstr(std::to_string(level))));
  }
}

TEST_P(EveryFormat, GivenOutputThatFails_WhenCompressed_ThenItsErrorComesThrough) {
  FullSink sink;
  const std::string text = mixture(9 * kMiB);
  const auto compressor = make_compressor({GetParam(), level_range_of(GetParam()).lowest, 2}, sink);
  ASSERT_THAT(compressor, IsOk());

  Status status = (*compressor)->write(as_bytes(text));
  if (status) status = (*compressor)->finish();

  EXPECT_THAT(status, FailsWith(ErrorCode::no_space, HasSubstr("full")));
}

INSTANTIATE_TEST_SUITE_P(Compress, EveryFormat,
                         ::testing::Values(Compression::gzip, Compression::xz, Compression::zstd),
                         name_of);

TEST(Compress, GivenNoise_WhenMadeGzip_ThenHardlyLarger) {
  const auto bytes = noise(kMiB);
  const auto packed = compress({Compression::gzip, std::nullopt, 1}, bytes, bytes.size());

  ASSERT_THAT(packed, IsOk());
  EXPECT_LT(packed->size(), bytes.size() + 200);
}

TEST(Compress, GivenNoiseThatRepeats_WhenMadeGzip_ThenTheRepetitionIsFound) {
  const auto piece = noise(8 * kKiB);
  std::string text;
  while (text.size() < kMiB)
    text += piece;
  const auto packed = compress({Compression::gzip, std::nullopt, 1}, text, text.size());

  ASSERT_THAT(packed, IsOk());
  EXPECT_LT(packed->size(), text.size() / 8);
}

class BrokenEncoder final : public BlockEncoder {
 public:
  Status encode(ByteSpan block, ByteVector& out) override {
    if (block[0] == std::byte{'x'}) return Error{ErrorCode::internal, "broken"};
    out.assign(block.begin(), block.end());
    return Done{};
  }
};

TEST(Compress, GivenEncoderThatFailsOnALaterBlock_WhenCompressed_ThenItsErrorComesThrough) {
  StringSink sink;
  const auto compressor = make_block_compressor(
      [] { return std::unique_ptr<BlockEncoder>{std::make_unique<BrokenEncoder>()}; }, 10, 3, sink);
  ASSERT_THAT(compressor, IsOk());

  Status status = (*compressor)->write(as_bytes(std::string(40, 'a') + std::string(200, 'x')));
  if (status) status = (*compressor)->finish();

  EXPECT_THAT(status, FailsWith(ErrorCode::internal, HasSubstr("broken")));
  EXPECT_EQ(sink.text, std::string(40, 'a'));
}

}  // namespace
}  // namespace patchbay::artifact
