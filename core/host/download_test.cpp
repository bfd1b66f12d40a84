#include "core/host/download.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cctype>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using ::testing::AllOf;
using namespace std::chrono_literals;
using testing::CollectingProgress;
using ::testing::HasSubstr;
using testing::MemorySource;
using ::testing::Not;
using testing::ProbeModule;

// What a well-behaved streaming module does: reads every stream into $OUT.
constexpr const char* kStreamer = R"(
case $1 in Download*)
  while line=$(cat stream-next) && [ -n "$line" ]; do
    echo "$line" >> $OUT/announced
    name=${line%% *}
    cat $name > $OUT/got-$(basename $name)
  done
esac
)";

std::string inside_download(const std::string& body) {
  return "case $1 in Download*)\n" + body + "\n;; esac";
}

std::string big() {
  std::string bytes(3 * 1024 * 1024, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 977)
    bytes[i] = static_cast<char>('a' + i % 26);
  return bytes;
}

std::vector<MemorySource::Content> one_big_file() {
  return {{"big.img", big(), std::nullopt}};
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

void expect_no_pipes(const ProbeModule& probe) {
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("stream-next")));
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree(".pipe.new")));
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("streams")));
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

struct Misbehaviour {
  const char* name;
  const char* body;
  const char* message;
};
void PrintTo(const Misbehaviour& row, std::ostream* out) {
  *out << row.name;
}

class BadStreamer : public ::testing::TestWithParam<Misbehaviour> {};

TEST_P(BadStreamer, GivenMisbehaviour_WhenDownloading_ThenTheErrorSaysWhat) {
  ProbeModule probe{inside_download(GetParam().body)};
  auto files = one_big_file();
  files.push_back({"second", "2", {}});
  MemorySource source{files};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result, FailsWith(ErrorCode::module_failed, AllOf(HasSubstr("probe: Download: "),
                                                                HasSubstr(GetParam().message))));
  expect_no_pipes(probe);
  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files")));
}

constexpr Misbehaviour kMisbehaviours[] = {
    {"exits_at_once_with_3", "echo no disk >&2; exit 3", "exit code 3, saying \"no disk\""},
    {"dies_at_once", "kill -SEGV $$", "killed by signal 11"},
    {"asks_and_exits", "cat stream-next; exit 0",
     "exited with success before it opened streams/big.img"},
    {"asks_and_fails", "cat stream-next; exit 4", "exit code 4 before it opened streams/big.img"},
    {"asks_without_reading_and_exits", "exec 4<stream-next; exit 0", "exited with success"},
    {"asks_without_reading_and_fails", "exec 4<stream-next; exit 5", "exit code 5"},
    {"reads_half_and_exits", "cat stream-next; head -c 100000 streams/big.img >/dev/null; exit 0",
     "exited with success after 100000 of 3145728 bytes of streams/big.img"},
    {"reads_half_and_fails", "cat stream-next; head -c 100000 streams/big.img >/dev/null; exit 6",
     "exit code 6 after 100000 of 3145728 bytes of streams/big.img"},
    {"reads_half_and_goes_on",
     "cat stream-next; head -c 100000 streams/big.img >/dev/null; exec sleep 60",
     "closed streams/big.img after 100000 of 3145728 bytes"},
    {"reads_half_and_asks_on",
     "cat stream-next; head -c 100000 streams/big.img >/dev/null; cat stream-next",
     "closed streams/big.img after 100000 of 3145728 bytes"},
    {"stops_before_the_second", "cat stream-next; cat streams/big.img >/dev/null; exit 0",
     "exited with success before it asked for what comes after streams/big.img"},
    {"stops_before_the_end",
     "cat stream-next; cat streams/big.img >/dev/null; cat stream-next; cat streams/second",
     "exited with success before it asked for what comes after streams/second"},
    {"fails_in_the_middle",
     "cat stream-next; cat streams/big.img >/dev/null; echo flash worn out >&2; exit 7",
     "exit code 7 before it asked for what comes after streams/big.img, saying \"flash worn out\""},
    {"fails_after_the_end",
     "cat stream-next; cat streams/big.img >/dev/null; cat stream-next; cat streams/second; cat "
     "stream-next; exit 8",
     "exit code 8 after it had got everything"},
    {"dies_in_the_middle", "cat stream-next; exec 4<streams/big.img; head -c 100 <&4; kill -9 $$",
     "killed by signal 9"},
    {"opens_one_not_announced", "set -e; cat stream-next; cat streams/other",
     "saying \"cat: streams/other: No such file or directory\""},
    {"opens_one_twice",
     "set -e; cat stream-next; cat streams/big.img >/dev/null; cat streams/big.img",
     "saying \"cat: streams/big.img: No such file or directory\""},
    {"opens_streams_before_asking", "set -e; cat streams/big.img",
     "saying \"cat: streams/big.img: No such file or directory\""},
    {"asks_again_after_the_end",
     "set -e; for i in 1 2; do l=$(cat stream-next); cat $l >/dev/null; done; cat stream-next; cat "
     "stream-next",
     "saying \"cat: stream-next: No such file or directory\""},
    {"deletes_the_tree", "cd /; rm -rf $2; sleep 60", "stream-next"},
    {"deletes_the_tree_after_asking", "cat stream-next; cd /; rm -rf $2; sleep 60",
     "streams/big.img"},
    {"replaces_the_pipe", "rm stream-next; echo hello > stream-next; sleep 60", "stream-next"},
    {"leaves_a_child_with_the_stream",
     "cat stream-next; sleep 60 <streams/big.img & sleep 0.1; exit 0",
     "exited with success after 0 of 3145728 bytes of streams/big.img"},
};
INSTANTIATE_TEST_SUITE_P(Download, BadStreamer, ::testing::ValuesIn(kMisbehaviours),
                         [](const auto& row) { return row.param.name; });

/// Processes of a group, without those that are dead and only not yet reaped by init.
std::vector<std::string> living_members(long group) {
  std::vector<std::string> members;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().string()[0])) == 0)
      continue;
    const auto stat = read_text(entry.path().string() + "/stat");
    std::istringstream fields{stat.substr(std::min(stat.rfind(')') + 1, stat.size()))};
    std::string state;
    long parent = 0;
    long its_group = 0;
    fields >> state >> parent >> its_group;
    if (its_group == group && state != "Z" && state != "X") members.push_back(stat);
  }
  return members;
}

struct Hang {
  const char* name;
  const char* body;
  const char* message;
};
void PrintTo(const Hang& row, std::ostream* out) {
  *out << row.name;
}

class HangingStreamer : public ::testing::TestWithParam<Hang> {};

TEST_P(HangingStreamer, GivenAHang_WhenTimeIsOver_ThenTheGroupIsKilledAndTheErrorSaysWhere) {
  ProbeModule probe{inside_download("echo $$ > $OUT/pid\n" + std::string{GetParam().body}),
                    ProbeModule::hasty()};
  MemorySource source{one_big_file()};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result, FailsWith(ErrorCode::timeout,
                                AllOf(HasSubstr("probe: Download: not finished within 300 ms"),
                                      HasSubstr(GetParam().message))));
  const auto group = std::stol(probe.left("pid"));
  const auto patience = Deadline::after(5s);  // SIGKILL is not instantaneous
  while (!living_members(group).empty() && !patience.passed())
    std::this_thread::yield();
  EXPECT_THAT(living_members(group), ::testing::IsEmpty());
  expect_no_pipes(probe);
}

constexpr Hang kHangs[] = {
    {"at_once", "sleep 60", "stopped before it asked for a stream"},
    {"ignoring_the_request_to_stop", "trap '' TERM; sleep 60", "before it asked for a stream"},
    {"asked_but_not_reading", "exec 4<stream-next; sleep 60", "before it opened streams/big.img"},
    {"asked_and_read", "cat stream-next; sleep 60", "before it opened streams/big.img"},
    {"asked_twice", "cat stream-next; cat stream-next", "before it opened streams/big.img"},
    {"stream_open_but_not_reading", "cat stream-next; exec 4<streams/big.img; sleep 60",
     "after 0 of 3145728 bytes of streams/big.img"},
    {"reading_a_little", "cat stream-next; exec 4<streams/big.img; head -c 4096 <&4; sleep 60",
     "after 4096 of 3145728 bytes of streams/big.img"},
    {"before_the_end", "cat stream-next; cat streams/big.img >/dev/null; sleep 60",
     "before it asked for what comes after streams/big.img"},
    {"after_the_end", "cat stream-next; cat streams/big.img >/dev/null; cat stream-next; sleep 60",
     "after it had got everything"},
};
INSTANTIATE_TEST_SUITE_P(Download, HangingStreamer, ::testing::ValuesIn(kHangs),
                         [](const auto& row) { return row.param.name; });

TEST(Download, GivenASkippedStream_WhenTheModuleAsksForTheNext_ThenItFailsLongBeforeTheTimeLimit) {
  auto settings = ProbeModule::default_settings();
  settings.skip_patience = 50ms;
  ProbeModule probe{inside_download("cat stream-next; cat stream-next"), settings};
  MemorySource source{one_big_file()};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::module_failed,
                        HasSubstr("asked for the next stream without having opened "
                                  "streams/big.img")));
}

TEST(Download, GivenASlowSource_WhenTimeIsOver_ThenTheModuleIsNotBlamed) {
  ProbeModule probe{kStreamer, ProbeModule::hasty()};
  MemorySource source{
      {{"a", "alpha", {}, [] { std::this_thread::sleep_for(400ms); }}, {"b", "beta", {}}}};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result,
              FailsWith(ErrorCode::timeout,
                        AllOf(HasSubstr("within 300 ms because the artifact came too slowly"),
                              HasSubstr("waiting for the artifact's bytes"))));
}

TEST(Download, GivenAWrongChecksum_WhenTheStreamEnds_ThenThatIsTheErrorAndTheModuleSeesNoEnd) {
  ProbeModule probe{
      inside_download("cat stream-next; cat streams/a && echo end > $OUT/end; exit 0")};
  MemorySource source{{{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}}}};

  const auto result = probe.module->download(source);

  EXPECT_THAT(result, FailsWith(ErrorCode::integrity, "sha256 of a differs"));
  EXPECT_EQ(probe.left("end"), "");
  expect_no_pipes(probe);
}

TEST(Download, GivenAWrongChecksum_WhenTheModuleHasAlreadySucceeded_ThenItIsStillTheError) {
  ProbeModule probe{
      inside_download("cat stream-next; head -c 5 streams/a; echo done > $OUT/done; exit 0")};
  const auto wait_for_module = [&probe] {
    while (probe.left("done").empty())
      std::this_thread::yield();
  };
  MemorySource source{
      {{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}, wait_for_module}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::integrity, "sha256 of a differs"));
}

TEST(Download, GivenAWrongChecksum_WhenFilesAreStored_ThenThatIsTheError) {
  ProbeModule probe{""};
  MemorySource source{{{"a", "alpha", Error{ErrorCode::integrity, "sha256 of a differs"}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::integrity, "sha256 of a differs"));
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

TEST(Download, GivenAModuleThatAnswersNonsense_WhenAskedForSizes_ThenItFails) {
  ProbeModule probe{"[ $1 = ProvidePayloadFileSizes ] && echo maybe; exit 0"};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::module_failed, AllOf(HasSubstr("probe: ProvidePayloadFileSizes"),
                                                        HasSubstr("\"maybe\""))));
}

// A name out of a hostile source is refused whether it is streamed or stored.
class HostileName : public ::testing::TestWithParam<std::string> {};

TEST_P(HostileName, WhenStreaming_ThenItIsRefused) {
  ProbeModule probe{kStreamer};
  MemorySource source{{{GetParam(), "x", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::invalid_input, HasSubstr("payload file name")));
  expect_no_pipes(probe);
}

TEST_P(HostileName, WhenStoring_ThenItIsRefused) {
  ProbeModule probe{""};
  MemorySource source{{{GetParam(), "x", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::invalid_input, HasSubstr("payload file name")));
}

INSTANTIATE_TEST_SUITE_P(Download, HostileName,
                         ::testing::Values("", ".", "..", "../x", "/etc/passwd", "a/b", "a\nb",
                                           std::string(256, 'n'), std::string("a\0b", 3)));

TEST(Download, GivenTheLongestName_WhenStreamingAndStoring_ThenItWorks) {
  const std::string name(255, 'n');
  ProbeModule streaming{
      inside_download("l=$(cat stream-next); cat $l > $OUT/got; cat stream-next")};
  ProbeModule storing{""};
  MemorySource one{{{name, "x", {}}}};
  MemorySource two{{{name, "x", {}}}};

  EXPECT_THAT(streaming.module->download(one), IsOk());
  EXPECT_THAT(storing.module->download(two), IsOk());

  EXPECT_EQ(streaming.left("got"), "x");
  EXPECT_EQ(read_text(storing.in_tree("files/" + name)), "x");
}

TEST(Download, GivenAFileThatCannotFit_WhenStoring_ThenItIsRefusedBeforeAnythingIsWritten) {
  ProbeModule probe{""};
  MemorySource source{{{"huge.img", "x", {}, {}, std::uint64_t{1} << 60}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::no_space,
                        AllOf(HasSubstr("huge.img"), HasSubstr("needs 1"), HasSubstr("free"))));

  EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files/huge.img")));
}

TEST(Download, GivenAFileThatIsThereAlready_WhenStoring_ThenItIsNotOverwritten) {
  ProbeModule probe{inside_download("mkdir files; echo mine > files/a")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), FailsWith(ErrorCode::io, HasSubstr("files/a")));

  EXPECT_EQ(read_text(probe.in_tree("files/a")), "mine\n");
}

TEST(Download, GivenALinkInPlaceOfFiles_WhenStoring_ThenNothingIsWrittenThroughIt) {
  ProbeModule probe{inside_download("ln -s $OUT files")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), FailsWith(ErrorCode::denied, HasSubstr("files/a")));

  EXPECT_EQ(probe.left("a"), "");
}

TEST(Download, GivenALinkInPlaceOfStreams_WhenThePipesAreRemoved_ThenItsTargetIsSpared) {
  ProbeModule probe{inside_download("touch $OUT/precious; ln -s $OUT streams; exit 0")};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_TRUE(std::filesystem::exists(probe.directory / "precious"));
  expect_no_pipes(probe);
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
