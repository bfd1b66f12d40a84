#include "sdk/slot/image_writer.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/support/loop_device.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::slot {
namespace {

using patchbay::testing::LoopDevice;
using patchbay::testing::noise;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;

constexpr std::size_t kBlock = 64 * 1024;
constexpr std::size_t kMiB = std::size_t{1024} * 1024;

/// Which blocks of the slot have the image already is the test's to say.
class ImageWriter : public ::testing::Test {
 protected:
  static constexpr std::size_t kSize = 40 * kMiB;

  void SetUp() override {
    if (const auto why = LoopDevice::missing(); !why.empty()) GTEST_SKIP() << why;
  }

  template <typename IsEqual>
  void make_slot(IsEqual is_equal) {
    before_.assign(kSize, '\0');
    for (std::size_t at = 0; at < kSize; at += kBlock) {
      const auto block = before_.begin() + static_cast<std::ptrdiff_t>(at);
      std::transform(
          image_.begin() + static_cast<std::ptrdiff_t>(at),
          image_.begin() + static_cast<std::ptrdiff_t>(at + kBlock), block,
          [equal = is_equal(at)](char byte) { return equal ? byte : static_cast<char>(~byte); });
    }
    write_text(directory_ / "slot", before_);
    device_ = std::make_unique<LoopDevice>(directory_ / "slot");
  }

  WrittenImage write(std::string_view image) {
    auto target = find_device(device_->path(), "slot", Files::refuse);
    EXPECT_TRUE(target) << target.error().message();
    const ImageSource source = [&image](std::span<std::byte> bytes) {
      const auto count = std::min(bytes.size(), image.size());
      std::memcpy(bytes.data(), image.data(), count);
      image.remove_prefix(count);
      return count;
    };
    auto written = write_image({.target = *target, .size = image.size()}, source);
    EXPECT_TRUE(written) << written.error().message();
    return *written;
  }

  [[nodiscard]] std::string content() const { return read_text(device_->path()); }

  TempDir directory_;
  std::string image_ = noise(kSize);
  std::string before_;
  std::unique_ptr<LoopDevice> device_;
};

TEST_F(ImageWriter, GivenAnImageThatIsEqualFromSomewhereOn_ThenOnlyWhatDiffersIsWritten) {
  make_slot([](std::size_t at) { return at >= 12 * kMiB; });

  EXPECT_EQ(write(image_).written, 12 * kMiB);

  EXPECT_TRUE(content() == image_);
}

TEST_F(ImageWriter, GivenScatteredEqualBlocks_ThenNoneIsWritten) {
  for (const std::size_t every : {2U, 3U, 8U, 16U, 33U}) {
    const auto is_equal = [every](std::size_t at) {
      return at >= 12 * kMiB && at / kBlock % every == every / 2;
    };
    make_slot(is_equal);
    std::size_t different = 0;
    for (std::size_t at = 0; at < kSize; at += kBlock)
      different += is_equal(at) ? 0 : kBlock;

    EXPECT_EQ(write(image_).written, different) << "every " << every;
    EXPECT_TRUE(content() == image_);
  }
}

TEST_F(ImageWriter, GivenEqualBlocksAmongOthersFromTheStart_ThenNoneIsWritten) {
  make_slot([](std::size_t at) { return at / kBlock % 16 == 5; });

  EXPECT_EQ(write(image_).written, kSize / 16 * 15);

  EXPECT_TRUE(content() == image_);
}

TEST_F(ImageWriter, GivenAnImageThatEndsWithinASector_ThenWhatLiesBehindItStays) {
  make_slot([](std::size_t) { return false; });
  const auto size = kSize - kMiB - 100;

  write(std::string_view{image_}.substr(0, size));

  EXPECT_TRUE(content() == image_.substr(0, size) + before_.substr(size));
}

}  // namespace
}  // namespace patchbay::slot
