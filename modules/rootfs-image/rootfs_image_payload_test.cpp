#include <gmock/gmock.h>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
// What can be wrong with the payload: found out while it arrives; the running system is safe.
class RootfsImagePayload : public RootfsImageBase {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(BootKind::uboot);
  }

  std::string fails(std::vector<PayloadFeeder::File> files) {
    CallResult result;
    {
      const PayloadFeeder feeder{board_->tree(), std::move(files)};
      result = board_->call("DownloadWithFileSizes");
    }
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(board_->boot(), "A");
    EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 1) << "an incomplete image was installed";
    EXPECT_EQ(board_->boot(), "A");
    return result.err;
  }
};

TEST_F(RootfsImagePayload, GivenNoFile_ThenRefused) {
  EXPECT_THAT(fails({}), HasSubstr("the payload has no file"));
}

TEST_F(RootfsImagePayload, GivenTwoFiles_ThenRefused) {
  EXPECT_THAT(fails({{"one", fresh_}, {"two", "more"}}), HasSubstr("a second file, 'two'"));
}

TEST_F(RootfsImagePayload, GivenEmptyImage_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", ""}}), HasSubstr("the image is empty"));
}

TEST_F(RootfsImagePayload, GivenStreamThatEndsEarly_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", fresh_.substr(0, 5000000), "8388608"}}),
              HasSubstr("announced with 8388608 bytes, and ended after 5000000"));
}

TEST_F(RootfsImagePayload, GivenStreamThatIsLongerThanAnnounced_ThenRefused) {
  EXPECT_THAT(fails({{"root.img", fresh_, "100"}}),
              HasSubstr("announced with 100 bytes, and ended after 8388608"));
}

TEST_F(RootfsImagePayload, GivenAnotherImageThanPromised_ThenRefused) {
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":"0123"}})");
  EXPECT_THAT(fails({{"root.img", fresh_}}), HasSubstr("rootfs-image.checksum says 0123"));
}

TEST_F(RootfsImagePayload, GivenNamesThatLeadElsewhere_ThenRefused) {
  EXPECT_THAT(fails({{"..", "x"}}), Not(HasSubstr("wrote")));
  for (const auto* const text : {"[]", "null", "{", R"({"artifact_provides":7})",
                                 R"({"artifact_provides":{"rootfs-image.checksum":{}}})"}) {
    board_->tree().header("type-info", text);
    EXPECT_EQ(board_->download(fresh_).exit_code, 0) << text;
    board_->next_update();
  }
}

TEST_F(RootfsImagePayload, GivenImageThatFillsNoBlock_ThenWhatIsBehindItStays) {
  const auto before = board_->content('B');
  const auto size = 3 * 1024 * 1024 + 700;
  const auto odd = fresh_.substr(0, size);
  const auto result = board_->download(odd);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == odd + before.substr(size));
}

TEST_F(RootfsImagePayload, GivenSectorsOf4096Bytes_ThenInstalledAndWhatIsBehindTheImageStays) {
  board_ = std::make_unique<TestBoard>(BootKind::uboot, 4096U);
  const auto before = board_->content('B');
  const auto size = 3 * 1024 * 1024 + 700;
  const auto odd = fresh_.substr(0, size);
  const auto result = board_->download(odd);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == odd + before.substr(size));
  EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 0);
  EXPECT_EQ(board_->boot(), "B trial");
}

TEST_F(RootfsImagePayload, GivenClientWithoutSizes_ThenInstalledAllTheSame) {
  {
    const PayloadFeeder feeder{board_->tree(), {{"root.img", fresh_, "-"}}};
    const auto result = board_->call("Download");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_TRUE(board_->content('B') == fresh_);
  EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 0);
}

TEST_F(RootfsImagePayload, GivenClientWithoutSizesAndTooMuch_ThenStoppedAtTheEndOfTheSlot) {
  EXPECT_THAT(fails({{"root.img", fresh_ + fresh_, "-"}}), HasSubstr("has only 8388608"));
}

TEST_F(RootfsImagePayload, GivenDeviceThatDoesNotKeepWhatIsWritten_ThenNoticed) {
  // What has been written long ago is changed under the device, before the end of the stream.
  const auto file = *board_ / "b.img";
  PayloadFeeder::File image{"root.img", fresh_};
  image.pause_after = 7 * 1024 * 1024;
  image.pause = [&file] {
    shell("printf broken | dd of=" + file + " bs=1 seek=70000 conv=notrunc");
  };
  EXPECT_THAT(fails({image}), HasSubstr("does not come back from there"));
}

TEST_F(RootfsImagePayload, GivenPromisedSumAndSameImage_ThenWhateverDiffersIsFoundAndWritten) {
  const auto sum = slot::sha256_of(fresh_);
  ASSERT_TRUE(sum);
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":")" +
                                         *sum + "\"}}");
  for (const std::string written : {"wrote ", "wrote 0 B", "wrote 64.0 KiB"}) {
    const auto result = board_->download(fresh_);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr(written));
    EXPECT_TRUE(board_->content('B') == fresh_);
    board_->next_update();
    // Behind the first piece, before the third time.
    if (written == "wrote 0 B")
      shell("printf broken | dd of=" + (*board_ / "b.img") + " bs=1 seek=5000000 conv=notrunc");
  }
}

TEST_F(RootfsImagePayload, GivenAnotherSumThanPromised_ThenRefusedOnceAnythingIsWritten) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->tree().header("type-info", R"({"type":"rootfs-image","artifact_provides":)"
                                     R"({"rootfs-image.checksum":"0123"}})");
  auto changed = fresh_;
  changed[5000000] = '!';
  board_->next_update();
  EXPECT_THAT(fails({{"root.img", changed}}), HasSubstr("rootfs-image.checksum says 0123"));

  // What is there is byte for byte what the client has held against the manifest.
  board_->next_update();
  EXPECT_EQ(board_->download(changed).exit_code, 0);
}

TEST_F(RootfsImagePayload, GivenPartlyEqualImage_ThenOnlyTheDifferenceIsWritten) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();
  auto changed = fresh_;
  changed[5 * 1024 * 1024 + 3] ^= 1;
  const auto result = board_->download(changed);

  EXPECT_THAT(result.err, HasSubstr("wrote 64.0 KiB of 8.0 MiB"));
  EXPECT_TRUE(board_->content('B') == changed);
}

}  // namespace
}  // namespace patchbay::testing
