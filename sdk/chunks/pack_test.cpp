#include "sdk/chunks/pack.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "sdk/slot/sha256.hpp"
#include "sdk/zstd/frames.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::chunks {
namespace {

using ::testing::HasSubstr;
using testing::noise;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

class Pack : public ::testing::Test {
 protected:
  Packed pack(const std::string& image, const std::string& name = "pack") {
    write_text(directory_ / "image", image);
    auto packed = write_pack(directory_ / "image", directory_ / name);
    EXPECT_TRUE(packed) << packed.error().message();
    return *packed;
  }
  std::string unpacked(const Index& index) {
    const auto pack = read_text(directory_ / "pack");
    auto zstd = zstd::Frames::load();
    std::string image;
    for (const auto& chunk : index.chunks) {
      std::vector<std::byte> bytes(chunk.size);
      const auto stored =
          std::as_bytes(std::span{pack}).subspan(static_cast<std::size_t>(chunk.at), chunk.stored);
      EXPECT_TRUE(zstd->decompress(stored, bytes));
      EXPECT_EQ(*sum_of(bytes), chunk.sum);
      image.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return image;
  }

  TempDir directory_;
};

TEST_F(Pack, GivenImage_WhenPacked_ThenItsChunksAreTheImageAndNoneIsThereTwice) {
  const auto part = noise(700000, 1);
  const auto image = part + std::string(1000000, '\0') + part + noise(5, 2);
  const auto packed = pack(image);

  EXPECT_TRUE(unpacked(packed.index) == image);
  EXPECT_EQ(packed.index.image_size, image.size());
  EXPECT_EQ(packed.image_sum, *slot::sha256_of(image));
  EXPECT_EQ(std::filesystem::file_size(directory_ / "pack"), packed.index.pack_size);
  EXPECT_LT(packed.index.pack_size, 900000U);
  const auto read = parse_index(to_bytes(packed.index), image.size());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->pack_size, packed.index.pack_size);
}

TEST_F(Pack, GivenAByteMore_WhenPacked_ThenNearlyAllChunksAreTheSame) {
  const auto image = noise(3000000, 3);
  const auto sums = [](const Packed& packed) {
    std::set<ChunkSum> all;
    for (const auto& chunk : packed.index.chunks)
      all.insert(chunk.sum);
    return all;
  };
  const auto before = sums(pack(image));
  auto after = sums(pack(image.substr(0, 1500000) + "x" + image.substr(1500000)));

  std::erase_if(after, [&before](const ChunkSum& sum) { return before.contains(sum); });

  EXPECT_GT(before.size(), 100U);
  EXPECT_LE(after.size(), 3U);
}

TEST_F(Pack, GivenTheSameImage_WhenPackedAgain_ThenThePackIsTheSame) {
  const auto image = noise(300000, 4);
  const auto index = to_bytes(pack(image).index);
  EXPECT_EQ(to_bytes(pack(image, "again").index), index);
  EXPECT_TRUE(read_text(directory_ / "again") == read_text(directory_ / "pack"));
}

TEST_F(Pack, GivenNoPlaceForThePack_WhenPacked_ThenItSaysWhich) {
  write_text(directory_ / "image", "x");
  const auto packed = write_pack(directory_ / "image", directory_ / "missing/pack");
  ASSERT_FALSE(packed);
  EXPECT_THAT(packed.error().message(), HasSubstr("missing/pack"));
  EXPECT_FALSE(write_pack(directory_ / "none", directory_ / "pack"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "pack"));
}

TEST_F(Pack, GivenBytesThatAreNoChunk_WhenDecompressed_ThenRefused) {
  auto zstd = zstd::Frames::load();
  ASSERT_TRUE(zstd);
  std::vector<std::byte> chunk(1000);
  const auto good = zstd->compress(chunk, 3);
  ASSERT_TRUE(good);
  EXPECT_TRUE(zstd->decompress(*good, chunk));
  EXPECT_FALSE(zstd->decompress(std::span{*good}.first(good->size() - 1), chunk));
  EXPECT_FALSE(zstd->decompress(*good, std::span{chunk}.first(999)));
  chunk.resize(1001);
  EXPECT_FALSE(zstd->decompress(*good, chunk));
  EXPECT_FALSE(zstd->decompress({}, chunk));
}

}  // namespace
}  // namespace patchbay::chunks
