#include <gmock/gmock.h>

#include <ostream>

#include "modules/rootfs-image/chunks_rig.hpp"

/// Payloads of the type rootfs-chunks: what is fetched, what is not, and what is refused before.
namespace patchbay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using RootfsChunks = ChunksRig;

TEST_F(RootfsChunks, GivenChunks_WhenInstalled_ThenTheNewSystemIsWholeAndRuns) {
  board_->install(index_);

  EXPECT_TRUE(board_->content('B') == fresh_);
  EXPECT_TRUE(board_->content('A') == old_);
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactVerifyReboot");
  succeed("ArtifactCommit");
  succeed("Cleanup");
  EXPECT_EQ(board_->boot(), "B");
}

TEST_F(RootfsChunks, GivenChunks_WhenDownloaded_ThenOnlyWhatIsNewIsFetchedNeighboursTogether) {
  const auto result = board_->download(index_);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(server_->requests().size(), 3U);
  EXPECT_GT(asked(), 0U);
  EXPECT_LT(asked(), pack_.size() / 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("fetched "), HasSubstr(" of the pack of ")));
}

TEST_F(RootfsChunks, GivenChunks_WhenRolledBack_ThenTheOldSystemRuns) {
  board_->install(index_);
  ASSERT_EQ(board_->reboot(), 'B');
  succeed("ArtifactRollback");
  EXPECT_EQ(board_->reboot(), 'A');
  EXPECT_TRUE(board_->content('A') == old_);
}

TEST_F(RootfsChunks, GivenImageThatIsThereAlready_ThenNothingIsFetched) {
  pack(old_);
  describe(server_->url("/"));
  ASSERT_EQ(board_->download(index_).exit_code, 0);
  EXPECT_THAT(server_->requests(), IsEmpty());
  EXPECT_TRUE(board_->content('B') == old_);
}

TEST_F(RootfsChunks, GivenAnotherOldSystem_ThenAllOfItIsFetched) {
  const auto other = board_->image("a system of somebody else");
  pack(other);
  describe(server_->url("/"));
  ASSERT_EQ(board_->download(index_).exit_code, 0);
  EXPECT_TRUE(board_->content('B') == other);
  EXPECT_LE(asked(), pack_.size());
}

TEST_F(RootfsChunks, GivenAnImageSmallerThanItsSlot_ThenWhatIsBehindItStays) {
  pack(fresh_.substr(0, 3000001));
  describe(server_->url("/"));
  ASSERT_EQ(board_->download(index_).exit_code, 0);
  EXPECT_TRUE(board_->content('B') == fresh_.substr(0, 3000001) + before_.substr(3000001));
}

TEST_F(RootfsChunks, GivenADownloadThatBrokeOff_WhenDoneAgain_ThenWhatHadComeIsNotFetchedAgain) {
  const auto other = board_->image("a system of somebody else");
  pack(other);
  bool is_enough = false;
  serve_by([&](const HttpRequest& request, int) {
    if (is_enough) return reply("403 Forbidden", "enough");
    const auto whole = serve(request, pack_, "\"1\"");
    is_enough = whole.bytes.size() > pack_.size() * 2 / 3;
    return is_enough ? whole.cut(pack_.size() * 2 / 3) : whole;
  });
  EXPECT_THAT(fails(index_), HasSubstr("HTTP 403"));
  EXPECT_FALSE(board_->content('B') == before_);
  serve_by([this](const HttpRequest& request, int) { return serve(request, pack_, "\"1\""); });

  ASSERT_EQ(board_->download(index_).exit_code, 0);

  EXPECT_TRUE(board_->content('B') == other);
  EXPECT_LT(asked(), pack_.size() * 2 / 3);
}

TEST_F(RootfsChunks, GivenPlan_ThenItSaysWhereItComesFrom) {
  EXPECT_THAT(answer("Plan"), AllOf(HasSubstr("what slot A"), HasSubstr("/release-2.pack")));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

TEST_F(RootfsChunks, GivenImageLargerThanTheSlot_ThenRefusedBeforeAnythingIsFetched) {
  pack(fresh_ + "x");
  describe(server_->url("/"));
  EXPECT_THAT(fails(index_), HasSubstr("the image has 8388609 bytes, slot B"));
  EXPECT_THAT(server_->requests(), IsEmpty());
  EXPECT_TRUE(board_->content('B') == before_);
}

TEST_F(RootfsChunks, GivenAnIndexThatIsNone_ThenRefusedBeforeAnythingIsFetched) {
  EXPECT_THAT(fails(""), HasSubstr("no index of chunks"));
  EXPECT_THAT(fails("nonsense"), HasSubstr("no index of chunks"));
  EXPECT_THAT(fails(index_.substr(0, index_.size() - 1)), HasSubstr("is damaged"));
  EXPECT_THAT(fails(std::string(200000, 'x')), HasSubstr("the index is larger than"));
  EXPECT_THAT(server_->requests(), IsEmpty());
  EXPECT_TRUE(board_->content('B') == before_);
}

TEST_F(RootfsChunks, GivenASecondFile_ThenRefusedBeforeAnythingIsFetched) {
  const PayloadFeeder feeder{board_->tree(), {{"image.index", index_}, {"more", "x"}}};
  const auto result = board_->call("DownloadWithFileSizes");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("a second file, 'more'"));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

TEST_F(RootfsChunks, GivenAnotherSumInTheMetaData_ThenWhatCameIsNotInstalled) {
  facts_.replace(facts_.size() - 4, 2, facts_[facts_.size() - 4] == 'a' ? "bb" : "aa");
  describe(server_->url("/"));
  EXPECT_THAT(fails(index_), HasSubstr("as the meta-data says"));
}

struct BadMetaData {
  const char* name;
  std::string text;
  const char* says;
  friend void PrintTo(const BadMetaData& row, std::ostream* out) { *out << row.name; }
};

class RootfsChunksMetaData : public RootfsChunks,
                             public ::testing::WithParamInterface<BadMetaData> {};

std::string with_url(const std::string& url) {
  return R"({"to": {"size": 4096, "sha256": ")" + std::string(64, 'a') + R"("}, "url": ")" + url +
         "\"}";
}

INSTANTIATE_TEST_SUITE_P(
    Of, RootfsChunksMetaData,
    ::testing::Values(
        BadMetaData{"None", "null", R"(rootfs-chunks needs "to")"},
        BadMetaData{"NoUrl", with_url("x").replace(with_url("x").find("url"), 3, "uri"),
                    R"(needs "url")"},
        BadMetaData{"File", with_url("file:///etc/shadow"), "does not begin with https:// or"},
        BadMetaData{"Ftp", with_url("ftp://server/pack"), "does not begin with https:// or"},
        BadMetaData{"NoHost", with_url("https:///pack"), "names no server"},
        BadMetaData{"Relative", with_url("release-2.pack"), "does not begin with https:// or"},
        BadMetaData{"Option", with_url("-o/etc/passwd"), "does not begin with https:// or"},
        BadMetaData{"Space", with_url("https://server/a pack"), "the 17th"},
        BadMetaData{"Quote", with_url(R"(https://server/\"\noutput=\"/etc/passwd)"), "the 16th"},
        BadMetaData{"NewLine", with_url(R"(http://server/\nfile:///etc/shadow)"), "the 15th"},
        BadMetaData{"Braces", with_url("http://server/{a,b}"), "the 15th"},
        BadMetaData{"Password", with_url("https://me:secret@server/"), "a name or a password"},
        BadMetaData{"Long", with_url("https://server/" + std::string(2040, 'x')),
                    "longer than 2048"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_P(RootfsChunksMetaData, GivenWrong_WhenDownloaded_ThenItSaysWhatIsNeeded) {
  board_->tree().meta_data(GetParam().text);
  EXPECT_THAT(fails(index_), HasSubstr(GetParam().says));
  EXPECT_TRUE(board_->content('B') == before_);
}

// What the tool makes is what the module takes.
TEST_F(RootfsChunks, GivenTheRealTool_WhenItsArtifactIsInstalled_ThenTheNewSystemIsWhole) {
  write_text(*board_ / "root.ext4", fresh_);
  const auto made = shell("cd " + (*board_ / "") + " && " + PATCHBAY_ARTIFACT_PROGRAM +
                          " write rootfs-chunks --no-progress --generators " + PATCHBAY_GENERATORS +
                          " -n release-2 -t board --url " + server_->url("/release-2.pack") +
                          " --pack release-2.pack -o release-2.mender root.ext4 && " +
                          PATCHBAY_ARTIFACT_PROGRAM + " extract -o parts release-2.mender");
  ASSERT_EQ(made.exit_code, 0) << made.out;
  const std::string payload = *board_ / "parts/payloads/0000/";
  const auto tool_pack = read_text(*board_ / "release-2.pack");
  EXPECT_TRUE(tool_pack == pack_);
  board_->tree().meta_data(read_text(payload + "meta-data"));
  EXPECT_THAT(read_text(payload + "type-info"), HasSubstr("rootfs-image.checksum"));

  board_->install(read_text(payload + "files/image.index"));

  EXPECT_TRUE(board_->content('B') == fresh_);
}

}  // namespace
}  // namespace patchbay::testing
