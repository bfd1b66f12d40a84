#include "sdk/chunks/index.hpp"

#include <gmock/gmock.h>

#include <ostream>

namespace patchbay::chunks {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kHead = 24;
constexpr std::size_t kRow = 24;

ChunkSum sum(std::uint8_t first) {
  ChunkSum made{};
  made[0] = first;
  return made;
}

// Four chunks of which the third is the first once more.
Index sample() {
  Index index;
  index.chunks = {{sum(1), 8192, 0, 100},
                  {sum(2), 65536, 100, 200},
                  {sum(1), 8192, 0, 100},
                  {sum(3), 7, 300, 20}};
  index.image_size = 8192 + 65536 + 8192 + 7;
  index.pack_size = 320;
  return index;
}

void put(std::string& bytes, std::size_t at, std::uint32_t number) {
  for (std::size_t i = 0; i < 4; ++i)
    bytes[at + i] = static_cast<char>((number >> (8 * i)) & 255U);
}

TEST(ChunkIndex, GivenIndex_WhenWrittenAndRead_ThenItIsTheSame) {
  const auto index = sample();
  const auto read = parse_index(to_bytes(index), index.image_size);

  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->pack_size, index.pack_size);
  EXPECT_EQ(read->image_size, index.image_size);
  ASSERT_EQ(read->chunks.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(read->chunks[i].sum, index.chunks[i].sum);
    EXPECT_EQ(read->chunks[i].at, index.chunks[i].at);
    EXPECT_EQ(read->chunks[i].size, index.chunks[i].size);
    EXPECT_EQ(read->chunks[i].stored, index.chunks[i].stored);
  }
  EXPECT_EQ(to_bytes(*read), to_bytes(index));
}

struct Damage {
  const char* name;
  std::size_t at;  // of a number
  std::uint32_t number;
  const char* says;
  friend void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }
};

class ChunkIndexDamage : public ::testing::TestWithParam<Damage> {};

INSTANTIATE_TEST_SUITE_P(
    Of, ChunkIndexDamage,
    ::testing::Values(
        Damage{"Magic", 0, 1, "no index of chunks"},
        Damage{"Version", 4, 0x32326b6e, "no index of chunks"},
        Damage{"LeastIsSmall", 8, 1, "cut into chunks of 1 to"},
        Damage{"LeastIsMost", 8, 65536, "cut into chunks of 65536 to 65536"},
        Damage{"MostIsHuge", 12, 0xffffffff, "to 4294967295 bytes"}, Damage{"NoBits", 16, 0, "2^0"},
        Damage{"ManyBits", 16, 64, "2^64"}, Damage{"MoreChunks", 20, 5, "and 5 chunks"},
        Damage{"ManyChunks", 20, 0xffffffff, "and 4294967295 chunks"},
        Damage{"FewerChunks", 20, 3, "and 3 chunks"},
        Damage{"SmallChunk", kHead + 16, 8191, "chunk 1 has 8191 bytes"},
        Damage{"EmptyChunk", kHead + 3 * kRow + 16, 0, "chunk 4 has 0 bytes"},
        Damage{"LargeChunk", kHead + kRow + 16, 65537, "chunk 2 has 65537 bytes"},
        Damage{"HugeInThePack", kHead + kRow + 20, 0xffffffff, "has 4294967295 in the pack"},
        Damage{"FirstIsARepetition", kHead + 20, 0, "chunk 1 is said to be an earlier one"},
        Damage{"RepetitionOfNone", kHead + 2 * kRow, 9, "chunk 3 is said to be an earlier one"},
        Damage{"RepetitionOfAnotherSize", kHead + 2 * kRow + 16, 8193,
               "chunk 3 is said to be an earlier one"},
        Damage{"AnotherTotal", kHead + 3 * kRow + 16, 8, "the image has 81927"}),
    [](const auto& damage) { return std::string{damage.param.name}; });

TEST_P(ChunkIndexDamage, GivenDamagedIndex_WhenRead_ThenItSaysWhere) {
  auto bytes = to_bytes(sample());
  put(bytes, GetParam().at, GetParam().number);

  const auto read = parse_index(bytes, sample().image_size);

  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), HasSubstr(GetParam().says));
}

TEST(ChunkIndex, GivenIndexOfAnyOtherLength_WhenRead_ThenRefused) {
  const auto bytes = to_bytes(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse_index(std::string_view{bytes}.substr(0, size), sample().image_size)) << size;
  EXPECT_FALSE(parse_index(bytes + "x", sample().image_size));
}

}  // namespace
}  // namespace patchbay::chunks
