// A payload that the device has already is left out, unread.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/artifact/compression_names_test.hpp"
#include "core/artifact/reader.hpp"
#include "core/os/file.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::artifact {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::noise;
using testing::read_text;
using testing::TempDir;

constexpr std::size_t kBig = 16 << 20;

/// A stream that ends, or breaks off, after `good` bytes, and counts what is left out.
class Stream final : public ByteSource {
 public:
  explicit Stream(std::string_view text, bool breaks = false)
      : rest_{as_bytes(text)}, breaks_{breaks} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min(out.size(), rest_.size());
    if (count == 0 && breaks_) return Error{ErrorCode::timeout, "the cable is out"};
    std::copy_n(rest_.begin(), count, out.begin());
    rest_ = rest_.subspan(count);
    return count;
  }
  Status skip(std::uint64_t count) override {
    if (count > rest_.size()) return ends_early(count - rest_.size());
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    left_out += count;
    return Done{};
  }
  std::uint64_t left_out = 0;

 private:
  ByteSpan rest_;
  bool breaks_;
};

/// An artifact whose first payload is big, with a small one behind it.
class Skipping : public ::testing::TestWithParam<Compression> {
 protected:
  void SetUp() override {
    ArtifactSpec spec;
    spec.name = "release-1";
    spec.compatible_types = {"box"};
    PayloadSpec big;
    big.type = "rootfs-image";
    big.files = {{.name = "big", .content = text_content(noise(kBig))}};
    PayloadSpec behind;
    behind.type = "single-file";
    behind.files = {{.name = "behind", .content = text_content("it")}};
    spec.payloads = {big, behind};
    spec.compression.kind = GetParam();
    ASSERT_THAT(write_artifact(spec, path_), IsOk());
    artifact_ = read_text(path_);
  }

  TempDir dir_;
  std::string path_ = dir_ / "a.mender";
  std::string artifact_;
};

/// Whether the second payload, and the end, are there.
void expect_the_rest(Reader& reader) {
  const auto none = reader.next_file(0);
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(none->has_value());
  const auto file = reader.next_file(1);
  ASSERT_THAT(file, IsOk());
  ASSERT_TRUE(file->has_value());
  EXPECT_EQ((*file)->name, "behind");
  const auto bytes = reader.read();
  ASSERT_THAT(bytes, IsOk());
  EXPECT_EQ(as_text(*bytes), "it");
  EXPECT_THAT(reader.finish(), IsOk());
}

TEST_P(Skipping, GivenPayloadInFrontOfAnother_WhenSkipped_ThenItIsNotReadAndTheOtherIs) {
  for (const int reads : {-1, 0, 1, 9}) {  // -1: the payload has not even been begun
    Stream source{artifact_};
    auto reader = Reader::open(source, {});
    ASSERT_THAT(reader, IsOk());
    if (reads >= 0) {
      ASSERT_THAT(reader->next_file(0), IsOk());
    }
    for (int i = 0; i < reads; ++i)
      ASSERT_THAT(reader->read(), IsOk());

    ASSERT_THAT(reader->skip(0), IsOk());

    expect_the_rest(*reader);
    EXPECT_GT(source.left_out, kBig / 3) << reads;
    EXPECT_EQ(reader->bytes_consumed(), artifact_.size());
  }
}

TEST_P(Skipping, GivenFile_WhenSkipped_ThenWhatFollowsIsRead) {
  auto fd = os::open_file(path_, O_RDONLY);
  ASSERT_THAT(fd, IsOk());
  os::FdSource source{std::move(*fd), path_};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());

  ASSERT_THAT(reader->skip(0), IsOk());

  expect_the_rest(*reader);
}

TEST_P(Skipping, GivenEveryPayload_WhenSkipped_ThenTheEndIsStillVerified) {
  Stream source{artifact_};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());

  ASSERT_THAT(reader->skip(0), IsOk());
  ASSERT_THAT(reader->skip(1), IsOk());

  EXPECT_THAT(reader->skip(1), IsOk());
  EXPECT_THAT(reader->skip(2), FailsWith(ErrorCode::internal, HasSubstr("0002")));
  EXPECT_THAT(reader->finish(), IsOk());
}

TEST_P(Skipping, GivenArtifactThatEndsInsideThePayload_WhenSkipped_ThenItIsTruncated) {
  Stream source{std::string_view{artifact_}.substr(0, kBig / 2)};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());

  EXPECT_THAT(reader->skip(0),
              FailsWith(ErrorCode::invalid_input,
                        ::testing::AllOf(HasSubstr("data/0000.tar"), HasSubstr("truncated"))));
}

TEST_P(Skipping, GivenSourceThatFailsWhileReadAhead_WhenSkipped_ThenItsErrorComesThrough) {
  Stream source{std::string_view{artifact_}.substr(0, 100'000), true};
  auto reader = Reader::open(source, {});
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(reader->next_file(0), IsOk());

  EXPECT_THAT(reader->skip(0), FailsWith(ErrorCode::timeout, HasSubstr("the cable is out")));
}

// Not xz: its decoder takes in blocks of some 8 MiB for its threads before it gives anything out.
INSTANTIATE_TEST_SUITE_P(Compressions, Skipping,
                         ::testing::Values(Compression::none, Compression::gzip, Compression::zstd),
                         name_of);

}  // namespace
}  // namespace patchbay::artifact
