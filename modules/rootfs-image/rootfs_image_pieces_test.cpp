#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kPiece = 1024 * 1024;

std::string sum_of(const std::string& bytes) {
  return slot::sha256_of(bytes).value();
}

// An artifact with the sums of the image's pieces.
class RootfsImagePieces : public RootfsImageBase {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    make(BootKind::uboot);
    promise(fresh_);
  }
  void TearDown() override {
    if (channel_ >= 0) ::close(channel_);
  }

  void promise(const std::string& image) { promise(image, pieces_of(image)); }
  void promise(const std::string& image, const std::string& pieces) {
    board_->tree().header("type-info", R"({"artifact_provides":{"rootfs-image.checksum":")" +
                                           sum_of(image) + R"("}})");
    board_->tree().meta_data(R"({"pieces": )" + pieces + "}");
  }
  static std::string sums_of(const std::string& image) {
    std::string sums;
    for (std::size_t at = 0; at < image.size(); at += kPiece)
      sums += sum_of(image.substr(at, kPiece));
    return sums;
  }
  static std::string pieces_of(const std::string& image) {
    return R"({"of": ")" + sum_of(image) + R"(", "size": )" + std::to_string(kPiece) +
           R"(, "sha256": ")" + sums_of(image) + R"("})";
  }

  /// From now on the client can leave out what the device has.
  void let_skip() { let_say("sing skip"); }
  void let_say(const std::string& features) {
    if (channel_ >= 0) ::close(channel_);
    channel_ = ::open((*board_ / "channel").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    board_->tree().variable("PATCHBAY_PROGRESS_FD", std::to_string(channel_));
    board_->tree().variable("PATCHBAY_FEATURES", features);
  }
  [[nodiscard]] bool skipped() const { return has_said("skip"); }
  [[nodiscard]] bool has_said(const std::string& line) const {
    return ("\n" + read_text(*board_ / "channel")).find("\n" + line + "\n") != std::string::npos;
  }

  CallResult download_one(PayloadFeeder::File file) {
    const PayloadFeeder feeder{board_->tree(), {std::move(file)}};
    return board_->call("DownloadWithFileSizes");
  }

  int channel_ = -1;
};

TEST_F(RootfsImagePieces, GivenImage_WhenDownloaded_ThenItIsInTheSlotAndIsInstalled) {
  const auto result = board_->download(fresh_);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == fresh_);
  succeed("ArtifactInstall");
  EXPECT_EQ(board_->boot(), "B trial");
}

TEST_F(RootfsImagePieces, GivenLastPieceThatIsShort_WhenDownloaded_ThenItIsRead) {
  const auto odd = fresh_.substr(0, 3 * kPiece + 700);
  promise(odd);

  const auto result = board_->download(odd);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(board_->content('B').substr(0, odd.size()), odd);
}

TEST_F(RootfsImagePieces, GivenPieceThatIsAnotherThanPromised_WhenDownloaded_ThenItsPlaceIsNamed) {
  auto other = fresh_;
  other[5 * kPiece + 7] = static_cast<char>(other[5 * kPiece + 7] ^ 1);
  promise(other);

  const auto result = board_->download(fresh_);

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("from byte 5242880 on"),
                                HasSubstr(sum_of(other.substr(5 * kPiece, kPiece)))));
  EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 1);
}

TEST_F(RootfsImagePieces, GivenPiecesOfAnotherImage_WhenDownloaded_ThenTheyAreIgnored) {
  promise(fresh_, pieces_of(board_->image("an older one")));

  EXPECT_EQ(board_->download(fresh_).exit_code, 0);
}

TEST_F(RootfsImagePieces, GivenPiecesThatAreWrong_WhenDownloaded_ThenRefusedBeforeTheFirstByte) {
  const auto before = board_->content('B');
  const auto of = R"({"of": ")" + sum_of(fresh_) + '"';
  const auto sums = sums_of(fresh_);
  const std::vector<std::pair<std::string, std::string>> rows{
      {"7", "no object"},
      {"{}", "of which image"},
      {of + "}", "their size is no number"},
      {of + R"(, "size": "1048576"})", "their size is no number"},
      {of + R"(, "size": -4096})", "their size is no number"},
      {of + R"(, "size": 0})", "their size, 0, is no multiple of 4096"},
      {of + R"(, "size": 1000})", "their size, 1000, is no multiple of 4096"},
      {of + R"(, "size": 18446744073709547520})", "up to 16777216"},
      {of + R"(, "size": 16781312})",
       "their size, 16781312, is no multiple of 4096 up to 16777216"},
      {of + R"(, "size": 1048576})", "their sha256 is no text"},
      {of + R"(, "size": 1048576, "sha256": ""})", "64 hexadecimal digits"},
      {of + R"(, "size": 1048576, "sha256": ")" + sums.substr(1) + "\"}", "64 hexadecimal digits"},
      {of + R"(, "size": 1048576, "sha256": ")" + std::string(64, 'g') + "\"}",
       "64 hexadecimal digits"},
  };
  for (const auto& [pieces, message] : rows) {
    promise(fresh_, pieces);
    const auto result = board_->download(fresh_);
    EXPECT_EQ(result.exit_code, 1) << pieces;
    EXPECT_THAT(result.err, HasSubstr(message)) << pieces;
    board_->next_update();
  }
  EXPECT_TRUE(board_->content('B') == before);
}

TEST_F(RootfsImagePieces, GivenAnotherNumberOfPieces_WhenDownloaded_ThenRefusedBeforeTheFirstByte) {
  const auto before = board_->content('B');
  for (const bool skip : {false, true}) {
    if (skip) let_skip();
    promise(fresh_, R"({"of": ")" + sum_of(fresh_) + R"(", "size": 1048576, "sha256": ")" +
                        sums_of(fresh_).substr(64) + "\"}");

    const auto result = board_->download(fresh_);

    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("the sums of 7 pieces of 1.0 MiB"));
    EXPECT_TRUE(board_->content('B') == before);
    board_->next_update();
  }
}

// What an attempt that was rolled back leaves behind.
TEST_F(RootfsImagePieces, GivenSlotThatHasTheImage_WhenTheClientCanLeaveItOut_ThenItIs) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();
  let_skip();

  // Whoever read it would find out that the stream breaks off.
  const auto result = download_one({"root.img", fresh_.substr(0, 1000), "8388608"});

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(skipped());
  EXPECT_THAT(result.err, HasSubstr("has the image already"));
  succeed("ArtifactInstall");
  EXPECT_EQ(board_->boot(), "B trial");
  EXPECT_EQ(board_->reboot(), 'B');
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
}

TEST_F(RootfsImagePieces,
       GivenSlotThatDiffersInOneByte_WhenTheClientCanLeaveItOut_ThenItIsWritten) {
  for (const std::size_t at : {std::size_t{0}, 3 * kPiece, fresh_.size() - 1}) {
    auto other = fresh_;
    other[at] = static_cast<char>(other[at] ^ 1);
    promise(other);
    ASSERT_EQ(board_->download(other).exit_code, 0);
    board_->next_update();
    promise(fresh_);
    let_skip();

    const auto result = board_->download(fresh_);

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_FALSE(skipped());
    EXPECT_TRUE(board_->content('B') == fresh_);
    board_->next_update();
  }
}

TEST_F(RootfsImagePieces, GivenSlotThatHasTheImage_WhenTheClientCannotLeaveItOut_ThenItIsTaken) {
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();

  const auto result = board_->download(fresh_);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("wrote 0 B"));
}

TEST_F(RootfsImagePieces, GivenClientThatCanLendItsMemory_ThenThatIsAskedFor) {
  for (const std::string features : {"skip", "skip zero-copy"}) {
    let_say(features);

    const auto result = board_->download(fresh_);

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(has_said("zero-copy"), features != "skip");
    board_->next_update();
  }
}

TEST_F(RootfsImagePieces, GivenNoPieces_WhenTheClientCanLeaveItOut_ThenItIsTaken) {
  board_->tree().meta_data("null");
  ASSERT_EQ(board_->download(fresh_).exit_code, 0);
  board_->next_update();
  let_skip();

  const auto result = board_->download(fresh_);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_FALSE(skipped());
}

}  // namespace
}  // namespace patchbay::testing
