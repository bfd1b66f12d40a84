#include <gmock/gmock.h>

#include <ostream>

#include "modules/rootfs-image/delta_rig.hpp"

/// Payloads of the type rootfs-delta: what they make, and what is refused.
namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using RootfsDelta = DeltaRig;

TEST_F(RootfsDelta, GivenDelta_WhenInstalled_ThenTheNewSystemIsWholeAndRuns) {
  const auto small = delta(old_, fresh_);
  EXPECT_LT(small.size(), fresh_.size() * 3 / 4);

  board_->install(small);

  EXPECT_TRUE(board_->content('B') == fresh_);
  EXPECT_TRUE(board_->content('A') == old_);
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
  succeed("Cleanup");
  EXPECT_EQ(board_->boot(), "B");
}

TEST_F(RootfsDelta, GivenDelta_WhenRolledBack_ThenTheOldSystemRuns) {
  board_->install(delta(old_, fresh_));
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactRollback");
  EXPECT_EQ(board_->reboot(), 'A');
  EXPECT_TRUE(board_->content('A') == old_);
}

TEST_F(RootfsDelta, GivenDeltaToTheSameImage_ThenItIsThere) {
  describe(described(old_), described(old_));
  ASSERT_EQ(board_->download(delta(old_, old_)).exit_code, 0);
  EXPECT_TRUE(board_->content('B') == old_);
}

TEST_F(RootfsDelta, GivenAnImageSmallerThanItsSlot_ThenWhatIsBehindItStays) {
  const auto from = old_.substr(0, 5000000);
  const auto to = fresh_.substr(0, 3000001);
  describe(described(from), described(to));
  const auto result = board_->download(delta(from, to));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == to + before_.substr(to.size()));
}

TEST_F(RootfsDelta, GivenAnotherImageInTheRunningSlot_ThenNothingIsFetchedOrWritten) {
  describe(described(fresh_), described(old_));
  EXPECT_THAT(fails(delta(fresh_, old_)),
              AllOf(HasSubstr("made from another image than that in slot A"),
                    HasSubstr(sum_of(old_) + ", not " + sum_of(fresh_)),
                    HasSubstr("install an artifact with the whole image")));
  EXPECT_TRUE(board_->content('B') == before_);
}

TEST_F(RootfsDelta, GivenAnOldImageLargerThanTheSlot_ThenRefused) {
  describe(R"({"size": 8388609, "sha256": ")" + sum_of(old_) + "\"}", described(fresh_));
  EXPECT_THAT(fails("x"), HasSubstr("which cannot be that in slot A"));
}

TEST_F(RootfsDelta, GivenANewImageLargerThanTheSlot_ThenRefusedBeforeTheFirstByte) {
  describe(described(old_), R"({"size": 8388609, "sha256": ")" + sum_of(fresh_) + "\"}");
  EXPECT_THAT(fails(delta(old_, fresh_ + "x")), HasSubstr("has only 8388608"));
  EXPECT_TRUE(board_->content('B') == before_);
}

TEST_F(RootfsDelta, GivenADeltaThatIsNone_ThenRefused) {
  const auto good = delta(old_, fresh_);
  for (const auto& content :
       {std::string{}, std::string{"nonsense"}, std::string(100000, '\0'),
        good.substr(0, good.size() / 2), good.substr(0, good.size() - 1), good.substr(0, 4)}) {
    EXPECT_THAT(fails(content), HasSubstr("the delta cannot be applied")) << content.size();
  }
}

TEST_F(RootfsDelta, GivenADeltaWithMoreBehindItsEnd_ThenTheImageIsWhole) {
  const auto result = board_->download(delta(old_, fresh_) + "more");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(board_->content('B') == fresh_);
}

TEST_F(RootfsDelta, GivenADeltaOfMoreThanTheOldImage_ThenItReadsNothingBehindThat) {
  const auto from = old_.substr(0, 1000000);
  describe(described(from), described(old_));
  EXPECT_THAT(fails(delta(old_, old_)), HasSubstr("the delta cannot be applied"));
}

TEST_F(RootfsDelta, GivenADeltaToAnotherImage_ThenRefused) {
  auto other = fresh_;
  other[4000000] = static_cast<char>(other[4000000] + 1);
  EXPECT_THAT(fails(delta(old_, other)), HasSubstr("makes an image with the SHA-256 " +
                                                   sum_of(other) + ", not " + sum_of(fresh_)));
}

TEST_F(RootfsDelta, GivenADeltaToAnImageOfAnotherSize_ThenRefused) {
  EXPECT_THAT(fails(delta(old_, fresh_.substr(0, 4096))),
              HasSubstr("announced with 8388608 bytes, and ended after 4096"));
  describe(described(old_), described(fresh_.substr(0, 4096)));
  EXPECT_THAT(fails(delta(old_, fresh_)), HasSubstr("announced with 4096 bytes, and ended after"));
}

TEST_F(RootfsDelta, GivenNoDelta_ThenRefused) {
  const PayloadFeeder feeder{board_->tree(), {}};
  const auto result = board_->call("DownloadWithFileSizes");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the payload has no file"));
}

TEST_F(RootfsDelta, GivenPlan_ThenItSaysWhatItTakes) {
  EXPECT_THAT(answer("Plan"), HasSubstr("write the image that the delta makes of slot A"));
  describe(R"({"size": 8388609, "sha256": ")" + sum_of(old_) + "\"}", described(fresh_));
  EXPECT_THAT(fail("Plan"), HasSubstr("which cannot be that in slot A"));
}

TEST_F(RootfsDelta, GivenTwoSystems_WhenUpdatedThereAndBackByDeltas_ThenBothRun) {
  board_->install(delta(old_, fresh_));
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactCommit");
  succeed("Cleanup");
  board_->next_update();
  const auto newer = board_->image("the system after it");
  describe(described(fresh_), described(newer));
  board_->install(delta(fresh_, newer));
  EXPECT_TRUE(board_->content('A') == newer);
  ASSERT_EQ(board_->reboot(), 'A');
  succeed("ArtifactCommit");
}

// The kernel changes the journal's superblock when it mounts a file system, read-only or not; of a
// read-only one that stays in the page cache.
TEST_F(RootfsDelta, GivenAMountedFileSystemWithAJournal_ThenWhatIsOnTheDeviceCounts) {
  const auto file = *board_ / "journaled";
  ASSERT_EQ(shell("mke2fs -q -t ext4 -b 1024 -O has_journal -J size=1 " + file + " 8M").exit_code,
            0);
  const auto journaled = read_text(file);
  board_->tree().header("payload_type", "rootfs-image\n");
  board_->install(journaled);
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactCommit");
  succeed("Cleanup");
  board_->next_update();
  board_->tree().header("payload_type", "rootfs-delta\n");
  describe(described(journaled), described(fresh_));

  board_->install(delta(journaled, fresh_));

  EXPECT_TRUE(board_->content('A') == fresh_);
}

// A delta takes the one block of zeros for all of them; that is not read each time.
TEST_F(RootfsDelta, GivenMostlyZeros_ThenTheNewSystemIsWhole) {
  std::string sparse(TestBoard::kSlotSize, '\0');
  sparse.replace(3000000, 100000, fresh_, 0, 100000);
  describe(described(old_), described(sparse));
  ASSERT_EQ(board_->download(delta(old_, sparse)).exit_code, 0);
  EXPECT_TRUE(board_->content('B') == sparse);
}

struct BadMetaData {
  const char* name;
  std::string text;
  const char* says;
  friend void PrintTo(const BadMetaData& row, std::ostream* out) { *out << row.name; }
};

class RootfsDeltaMetaData : public RootfsDelta,
                            public ::testing::WithParamInterface<BadMetaData> {};

const std::string kSum(64, 'a');
const std::string kGood = R"({"size": 4096, "sha256": ")" + kSum + "\"}";

INSTANTIATE_TEST_SUITE_P(
    Of, RootfsDeltaMetaData,
    ::testing::Values(
        BadMetaData{"None", "null", R"("from": {"size")"},
        BadMetaData{"NoObject", "[1]", "it has none"},
        BadMetaData{"NoFrom", R"({"to": )" + kGood + "}", R"(needs "from")"},
        BadMetaData{"NoTo", R"({"from": )" + kGood + "}", R"(needs "to")"},
        BadMetaData{"Text", R"({"from": "x", "to": )" + kGood + "}", "it has none"},
        BadMetaData{"NoSize", R"({"from": {"sha256": ")" + kSum + R"("}})",
                    "its size is no number"},
        BadMetaData{"Negative", R"({"from": {"size": -1, "sha256": ")" + kSum + R"("}})",
                    "its size is no number"},
        BadMetaData{"Zero", R"({"from": {"size": 0, "sha256": ")" + kSum + R"("}})",
                    "its size is 0"},
        BadMetaData{"NoSum", R"({"from": {"size": 1}})", "its sha256 is no text"},
        BadMetaData{"OtherSum", R"({"from": {"size": 1, "sha256": "ABC"}})", "its sha256 is 'ABC'"},
        BadMetaData{"Huge",
                    R"({"from": {"size": 18446744073709551615, "sha256": ")" + kSum +
                        R"("}, "to": )" + kGood + "}",
                    "cannot be that in slot A"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_P(RootfsDeltaMetaData, GivenWrong_WhenDownloaded_ThenItSaysWhatIsNeeded) {
  board_->tree().meta_data(GetParam().text);
  EXPECT_THAT(fails("x"), HasSubstr(GetParam().says));
  EXPECT_TRUE(board_->content('B') == before_);
}

}  // namespace
}  // namespace patchbay::testing
