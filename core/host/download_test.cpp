#include <sys/stat.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/host/download_fixture_test.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using testing::big;
using testing::CollectingProgress;
using testing::expect_no_pipes;
using ::testing::HasSubstr;
using testing::inside_download;
using testing::kStreamer;
using testing::MemorySource;
using testing::one_big_file;
using testing::ProbeModule;
using namespace std::chrono_literals;

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(Download, GivenAStreamingModule_WhenDownloading_ThenItGetsEveryByteInOrder) {
  ProbeModule probe{kStreamer};
  MemorySource source{{{"a", "alpha", {}}, {"empty", "", {}}, {"big", big(), {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("announced"), "streams/a\nstreams/empty\nstreams/big\n");
  EXPECT_EQ(probe.left("got-a"), "alpha");
  EXPECT_EQ(probe.left("got-empty"), "");
  EXPECT_EQ(probe.left("got-big"), big());
  EXPECT_TRUE(source.exhausted());
  expect_no_pipes(probe);
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files")));
}

TEST(Download, GivenAModuleThatWantsSizes_WhenDownloading_ThenSizesAreAnnounced) {
  ProbeModule probe{std::string{"[ $1 = ProvidePayloadFileSizes ] && echo Yes\n"
                                "[ $1 = Download ] && exit 9\n"} +
                    kStreamer};
  MemorySource source{{{"a", "alpha", {}}, {"empty", "", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("announced"), "streams/a 5\nstreams/empty 0\n");
}

TEST(Download, GivenNoFiles_WhenTheModuleAsks_ThenTheEndComesAtOnce) {
  ProbeModule probe{kStreamer};
  MemorySource source{{}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("announced"), "");
  expect_no_pipes(probe);
}

// How a module in shell leaves the rest out.
constexpr const char* kSkip = "echo skip >&$PATCHBAY_PROGRESS_FD\n";

class LeavingOut : public ::testing::TestWithParam<const char*> {};

TEST_P(LeavingOut, GivenAModuleThatHasThePayload_WhenItSaysSo_ThenTheRestIsNotSent) {
  ProbeModule probe{
      inside_download("case \" $PATCHBAY_FEATURES \" in *' skip '*) ;; *) exit 9; esac\n" +
                      std::string{GetParam()} + kSkip)};
  MemorySource source{{{"a", "alpha", {}}, {"big", big(), {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_TRUE(source.skipped());
  EXPECT_FALSE(source.exhausted());
  expect_no_pipes(probe);
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files")));
}

TEST_P(LeavingOut, GivenAModuleThatThenFails_WhenDownloading_ThenTheUpdateFails) {
  ProbeModule probe{inside_download(std::string{GetParam()} + kSkip + "exit 3")};
  MemorySource source{{{"a", "alpha", {}}, {"big", big(), {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::module_failed, HasSubstr("exit code 3")));

  EXPECT_FALSE(source.skipped());
  expect_no_pipes(probe);
}

std::string how_far(const ::testing::TestParamInfo<const char*>& test) {
  static constexpr std::array kNames{"BeforeItAsks", "BeforeItOpens", "OnceOpened", "InTheSecond",
                                     "WhileItIsSent"};
  return kNames.at(test.index);
}

INSTANTIATE_TEST_SUITE_P(
    Download, LeavingOut,
    ::testing::Values(
        "", "cat stream-next > /dev/null\n", "cat stream-next > /dev/null; exec 9< streams/a\n",
        "cat stream-next; cat streams/a; cat stream-next; exec 9< streams/big; head -c 9 <&9\n",
        "cat stream-next; cat streams/a; cat stream-next; exec 9< streams/big\n"
        "sleep 0.2\n"),
    how_far);

TEST(Download, GivenAModuleThatLeavesThePayloadOutAndDoesNotEnd_WhenItsTimeIsOver_ThenItFails) {
  ProbeModule probe{
      inside_download(std::string{"exec 9< stream-next; cat <&9 > /dev/null\n"} +
                      "exec 8< streams/big.img\n" + kSkip + "exec 8<&-\nexec sleep 60"),
      ProbeModule::hasty()};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::timeout, HasSubstr("after it had said that the device has")));

  EXPECT_FALSE(source.skipped());
}

TEST(Download, GivenAModuleThatSaysSoAndReadsEverything_WhenDownloading_ThenNothingIsLeftOut) {
  ProbeModule probe{inside_download(kSkip) + kStreamer};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_FALSE(source.skipped());
  EXPECT_TRUE(source.exhausted());
}

TEST(Download, GivenOtherCalls_WhenTheyRun_ThenNothingCanBeLeftOut) {
  ProbeModule probe{"echo $1 ${PATCHBAY_FEATURES-none} >> $OUT/calls"};

  EXPECT_THAT(probe.module->call(Call::artifact_install), IsOk());

  EXPECT_EQ(probe.left("calls"), "ArtifactInstall none\n");
}

TEST(Download, GivenAModuleThatDoesNothing_WhenDownloading_ThenFilesAreStored) {
  ProbeModule probe{inside_download("exit 0")};
  MemorySource source{{{"a", "alpha", {}}, {"empty", "", {}}, {"big", big(), {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(read_text(probe.in_tree("files/a")), "alpha");
  EXPECT_EQ(read_text(probe.in_tree("files/empty")), "");
  EXPECT_EQ(read_text(probe.in_tree("files/big")), big());
  EXPECT_EQ(mode_of(probe.in_tree("files")), 0700);
  EXPECT_EQ(mode_of(probe.in_tree("files/a")), 0600);
  EXPECT_TRUE(source.exhausted());
  expect_no_pipes(probe);
}

TEST(Download, GivenPipesDuringDownload_WhenTheModuleLooks_ThenTheyArePrivate) {
  ProbeModule probe{
      inside_download("stat -c %a stream-next > $OUT/mode; line=$(cat stream-next)\n"
                      "stat -c %a $line streams > $OUT/modes; cat $line\n"
                      "cat stream-next")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("mode"), "600\n");
  EXPECT_EQ(probe.left("modes"), "600\n700\n");
}

TEST(Download, GivenALineReaderThatKeepsThePipeOpen_WhenDownloading_ThenItStillWorks) {
  ProbeModule probe{inside_download(
      "exec 4<stream-next; read -r a <&4; exec 5<$a; cat <&5 >$OUT/one\n"
      "exec 6<stream-next; read -r b <&6; exec 7<$b; cat <&7 >$OUT/two; cat stream-next")};
  MemorySource source{{{"a", "alpha", {}}, {"b", "beta", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("one") + probe.left("two"), "alphabeta");
}

TEST(Download, GivenAModuleThatReadsInTheBackground_WhenItAsksEarly_ThenItWaitsForItsTurn) {
  ProbeModule probe{inside_download(
      "a=$(cat stream-next); (sleep 0.05; cat $a > $OUT/one) & b=$(cat stream-next)\n"
      "cat $b > $OUT/two; cat stream-next; wait")};
  MemorySource source{{{"a", big(), {}}, {"b", "beta", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("one"), big());
  EXPECT_EQ(probe.left("two"), "beta");
}

TEST(Download, GivenASlowReader_WhenDownloading_ThenItGetsEverything) {
  ProbeModule probe{inside_download(
      "cat stream-next; (while head -c 300000 | grep -q .; do sleep 0.01; done) < streams/big.img\n"
      "cat stream-next")};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source), IsOk());
}

TEST(Download, GivenAModuleThatFloodsBetweenReads_WhenDownloading_ThenNothingBlocks) {
  ProbeModule probe{
      inside_download("cat stream-next; head -c 2000000 /dev/zero | tr '\\0' 'x' | fold -w 100\n"
                      "head -c 2000000 /dev/zero | tr '\\0' 'y' | fold -w 100 >&2\n"
                      "cat streams/big.img > /dev/null; cat stream-next")};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_THAT(probe.log.text(), HasSubstr("the rest is not logged"));
  EXPECT_LT(probe.log.text().size(), 3U * 1024 * 1024);
}

TEST(Download, GivenAModuleWithoutOutput_WhenItClosesItEarly_ThenItIsStillServed) {
  ProbeModule probe{std::string{"exec >/dev/null 2>&1 </dev/null\nexec >&- 2>&-\n"} + kStreamer};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("got-a"), "alpha");
}

TEST(Download, GivenAModuleInAnotherDirectory_WhenDownloading_ThenTheArgumentLeadsIt) {
  ProbeModule probe{
      inside_download("cd /; l=$(cat $2/stream-next); cat $2/$l > $OUT/got; cat $2/stream-next")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("got"), "alpha");
}

TEST(Download, GivenAReaderThatStaysBehind_WhenTheModuleIsDone_ThenNobodyWaitsForIt) {
  ProbeModule probe{
      inside_download("cat stream-next; cat streams/big.img >/dev/null\n"
                      "cat stream-next; sleep 60 & exit 0")};
  MemorySource source{one_big_file()};
  const auto start = std::chrono::steady_clock::now();

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(Download, GivenSomebodyWaitingForStreams_WhenTheModuleDidNotWantThem_ThenItIsLetGo) {
  ProbeModule probe{inside_download(
      "(sleep 0.05; cat stream-next; echo $? > $OUT/released) >/dev/null 2>&1 & exit 0")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(read_text(probe.in_tree("files/a")), "alpha");
  while (probe.left("released").empty())
    std::this_thread::yield();
}

TEST(Download, GivenWritesToTheHeader_WhenDownloading_ThenThatIsTheModulesAffair) {
  ProbeModule probe{inside_download("echo mine > header/type-info; echo mine > version; exit 0")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(read_text(probe.in_tree("header/type-info")), "mine\n");
}

TEST(Download, GivenPipesLeftByACrash_WhenDownloadingAgain_ThenTheyAreReplaced) {
  ProbeModule probe{kStreamer};
  ASSERT_EQ(::mkfifo(probe.in_tree("stream-next").c_str(), 0600), 0);
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(probe.left("got-a"), "alpha");
}

TEST(Download, GivenProgress_WhenStreaming_ThenItIsReported) {
  CollectingProgress progress;
  ProbeModule probe{inside_download("cat stream-next; echo 'status writing' >&3\n"
                                    "cat streams/big.img >/dev/null; echo 'progress 50' >&3\n"
                                    "cat stream-next; echo 'progress 100' >&3"),
                    &progress};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_THAT(progress.seen, ::testing::ElementsAre("writing", "50", "100"));
}

TEST(Download, GivenAFloodOfProgressInMidStream_WhenDownloading_ThenNothingBlocks) {
  CollectingProgress progress;
  ProbeModule probe{
      inside_download("cat stream-next; exec 4<streams/big.img\n"
                      "yes 'progress 7' | head -n 50000 >&3; cat <&4 >/dev/null; cat stream-next"),
      &progress};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_EQ(progress.seen.size(), 50000U);
}

}  // namespace
}  // namespace patchbay::host
