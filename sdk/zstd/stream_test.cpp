#include "sdk/zstd/stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sdk/zstd/frames.hpp"

namespace patchbay::zstd {
namespace {

std::string compressed(const std::string& text) {
  auto frames = Frames::load();
  EXPECT_TRUE(frames) << frames.error().message();
  const auto frame = frames->compress(std::as_bytes(std::span{text}), 3);
  EXPECT_TRUE(frame) << frame.error().message();
  return {reinterpret_cast<const char*>(frame->data()), frame->size()};
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += std::to_string(i * 7919) + "\n";
  return text;
}

/// Everything that comes of it, fed in pieces of so many bytes.
std::string unpacked(Stream& stream, const std::string& packed, std::size_t piece,
                     std::size_t room) {
  std::string all;
  std::string out(room, '\0');
  for (std::size_t at = 0; at < packed.size(); at += piece) {
    stream.take(std::string_view{packed}.substr(at, piece));
    for (std::size_t count = room; count == room;) {
      const auto next = stream.next(out);
      EXPECT_TRUE(next) << next.error().message();
      if (!next) return all;
      count = *next;
      all += out.substr(0, count);
    }
  }
  return all;
}

TEST(ZstdStream, GivenFramesInPieces_WhenUnpacked_ThenAllOfItComesWhateverTheRoom) {
  const auto text = sample();
  const auto packed = compressed(text) + compressed("second");
  for (const std::size_t piece : {std::size_t{7}, std::size_t{1000}, packed.size()}) {
    for (const std::size_t room : {std::size_t{13}, std::size_t{4096}, std::size_t{1} << 20U}) {
      auto stream = Stream::load();
      ASSERT_TRUE(stream) << stream.error().message();
      EXPECT_EQ(unpacked(*stream, packed, piece, room), text + "second");
      EXPECT_TRUE(stream->is_complete());
    }
  }
}

TEST(ZstdStream, GivenAFrameThatIsCutOff_WhenUnpacked_ThenItIsNotComplete) {
  const auto packed = compressed(sample());
  auto stream = Stream::load();
  ASSERT_TRUE(stream) << stream.error().message();
  unpacked(*stream, packed.substr(0, packed.size() - 1), 1000, 4096);
  EXPECT_FALSE(stream->is_complete());
}

TEST(ZstdStream, GivenSomethingElse_WhenUnpacked_ThenAnError) {
  auto stream = Stream::load();
  ASSERT_TRUE(stream) << stream.error().message();
  stream->take("no frame at all");
  std::vector<char> out(100);
  const auto next = stream->next(out);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().message(), "zstd: Unknown frame descriptor");
}

TEST(ZstdStream, GivenAWindowThatNoOrdinaryLevelMakes_WhenUnpacked_ThenItIsRefused) {
  // A frame with a window of 128 MiB: magic number, descriptor, window descriptor, an empty block.
  constexpr std::string_view kWide{"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00", 9};
  auto stream = Stream::load();
  ASSERT_TRUE(stream) << stream.error().message();
  stream->take(kWide);
  std::vector<char> out(100);
  const auto next = stream->next(out);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().message(), "zstd: Frame requires too much memory for decoding");
}

}  // namespace
}  // namespace patchbay::zstd
