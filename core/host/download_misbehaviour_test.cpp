#include <cctype>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "core/host/download_fixture_test.hpp"
#include "core/host/module_call.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::read_text;
using ::testing::AllOf;
using testing::big;
using testing::expect_no_pipes;
using ::testing::HasSubstr;
using testing::inside_download;
using testing::kZeroCopy;
using testing::MemorySource;
using testing::one_big_file;
using testing::ProbeModule;
using namespace std::chrono_literals;

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
  for (const auto* const said : {"", kZeroCopy}) {
    ProbeModule probe{inside_download(said + std::string{GetParam().body})};
    auto files = one_big_file();
    files.push_back({"second", "2", {}});
    MemorySource source{files};

    const auto result = probe.module->download(source.keeping());

    EXPECT_THAT(result, FailsWith(ErrorCode::module_failed, AllOf(HasSubstr("probe: Download: "),
                                                                  HasSubstr(GetParam().message))));
    expect_no_pipes(probe);
    EXPECT_FALSE(std::filesystem::exists(probe.in_tree("files")));
  }
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

class HangingStreamer : public ::testing::TestWithParam<Hang> {
 protected:
  /// A download by a module that hangs, with that limit. Returns its message.
  static std::string time_out(std::chrono::milliseconds limit, const std::string& said) {
    auto settings = ProbeModule::default_settings();
    settings.timeout = limit;
    ProbeModule probe{inside_download("echo $$ > $OUT/pid\n" + said + GetParam().body), settings};
    MemorySource source{one_big_file()};

    const auto result = probe.module->download(source.keeping());

    EXPECT_THAT(result,
                FailsWith(ErrorCode::timeout, HasSubstr("probe: Download: not finished within " +
                                                        human_duration(limit))));
    expect_no_pipes(probe);
    const auto pid = probe.left("pid");
    if (result || pid.empty()) return "";
    expect_ended(std::stol(pid));
    return result.error().message();
  }

 private:
  static void expect_ended(long group) {
    const auto patience = Deadline::after(5s);  // SIGKILL is not instantaneous
    while (!living_members(group).empty() && !patience.passed())
      std::this_thread::yield();
    EXPECT_THAT(living_members(group), ::testing::IsEmpty());
  }
};

TEST_P(HangingStreamer, GivenAHang_WhenTimeIsOver_ThenTheGroupIsKilledAndTheErrorSaysWhere) {
  // On a busy machine a module may be late for its own hang, so that time is over before it.
  for (const auto* const said : {"", kZeroCopy}) {
    std::string message;
    for (const auto limit : {300ms, 3'000ms, 15'000ms}) {
      message = time_out(limit, said);
      if (message.find(GetParam().message) != std::string::npos) break;
    }

    EXPECT_THAT(message, HasSubstr(GetParam().message)) << said;
  }
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

TEST(Download, GivenAModuleThatAnswersNonsense_WhenAskedForSizes_ThenItFails) {
  ProbeModule probe{"[ $1 = ProvidePayloadFileSizes ] && echo maybe; exit 0"};
  MemorySource source{{{"a", "alpha", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::module_failed, AllOf(HasSubstr("probe: ProvidePayloadFileSizes"),
                                                        HasSubstr("\"maybe\""))));
}

}  // namespace
}  // namespace patchbay::host
