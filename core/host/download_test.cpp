#include "core/host/download.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using ::testing::AllOf;
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

}  // namespace
}  // namespace patchbay::host
