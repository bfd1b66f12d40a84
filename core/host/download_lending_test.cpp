#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <thread>

#include "core/host/download_fixture_test.hpp"
#include "tests/support/noise.hpp"
#include "tests/support/run_without.hpp"

namespace patchbay::host {
namespace {

using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::noise;
using patchbay::testing::run_without;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::inside_download;
using testing::kStreamer;
using testing::kZeroCopy;
using testing::MemorySource;
using testing::ProbeModule;

/// Keeps what it gives out as long as it has to, and not a byte longer.
class RecyclingSource final : public PayloadSource {
 public:
  static constexpr std::size_t kMiB = std::size_t{1024} * 1024;
  static constexpr std::size_t kPiece = kMiB / 4;

  explicit RecyclingSource(std::vector<MemorySource::Content> files, std::size_t kept = kMiB)
      : files_{files.begin(), files.end()}, kept_{kept}, memory_(kept + kPiece) {}

  Result<std::optional<File>> next_file() override {
    std::fill(memory_.begin(), memory_.end(), std::byte{'#'});
    if (begun_) files_.pop_front();
    begun_ = true;
    at_ = 0;
    if (files_.empty()) return std::optional<File>{};
    return std::optional{File{files_.front().name, files_.front().bytes.size()}};
  }
  Result<ByteSpan> read() override {
    if (before_read) before_read();
    const auto piece = std::string_view{files_.front().bytes}.substr(at_, kPiece);
    const auto place = std::span{memory_}.subspan(at_ % memory_.size(), piece.size());
    if (!piece.empty()) std::memcpy(place.data(), piece.data(), piece.size());
    at_ += piece.size();
    return ByteSpan{place};
  }
  Status skip() override { return Done{}; }
  [[nodiscard]] std::size_t kept() const override { return kept_; }

  std::function<void()> before_read;

 private:
  std::deque<MemorySource::Content> files_;
  std::size_t kept_;
  std::vector<std::byte> memory_;
  std::size_t at_ = 0;
  bool begun_ = false;
};

// Reads late and little by little, so that all of the pipe is in use.
constexpr const char* kSlowStreamer = R"sh(
while line=$(cat stream-next) && [ -n "$line" ]; do
  exec 9< ${line%% *}
  sleep 0.1
  while [ "$(head -c 333333 <&9 | tee -a $OUT/got | wc -c)" -gt 0 ]; do :; done
  exec 9<&-
done
)sh";

TEST(Lending, GivenASourceThatUsesItsMemoryAgain_WhenReadSlowly_ThenEveryByteIsAsItWas) {
  const std::vector<MemorySource::Content> files{
      {"a", noise(5'000'000), {}}, {"b", noise(700'000), {}}, {"c", noise(3), {}}};
  for (const auto* const said : {"", kZeroCopy}) {
    ProbeModule probe{inside_download(said + std::string{kSlowStreamer})};
    RecyclingSource source{files};

    EXPECT_THAT(probe.module->download(source), IsOk());

    EXPECT_TRUE(probe.left("got") == files[0].bytes + files[1].bytes + files[2].bytes) << said;
  }
}

TEST(Lending, GivenAModuleThatAsksOnBeforeItHasReadTheRest_ThenThatStaysAsItWas) {
  ProbeModule probe{inside_download(kZeroCopy + std::string{R"sh(cat stream-next
    exec 9< streams/a
    cat stream-next > $OUT/line &
    sleep 0.2
    cat <&9 > $OUT/got
    wait; cat streams/b >> $OUT/got; cat stream-next)sh"})};
  const auto first = noise(700'000);
  RecyclingSource source{{{"a", first, {}}, {"b", "beta", {}}}};

  EXPECT_THAT(probe.module->download(source), IsOk());

  EXPECT_TRUE(probe.left("got") == first + "beta");
}

TEST(Lending, GivenAKernelThatCannot_WhenAModuleAsksForIt_ThenItGetsCopies) {
  const auto bytes = noise(3'000'000);
  const bool is_so = run_without(SYS_vmsplice, [&] {
    ProbeModule probe{inside_download(kZeroCopy) + kStreamer};
    RecyclingSource source{{{"a", bytes, {}}}};

    EXPECT_THAT(probe.module->download(source), IsOk());

    EXPECT_TRUE(probe.left("got-a") == bytes);
  });
  if (!is_so) GTEST_SKIP() << "no seccomp filters here";
}

// What fits into the pipe has to be read all the same.
TEST(Lending, GivenAModuleThatClosesASmallStreamUnread_ThenThatIsTheError) {
  ProbeModule probe{inside_download(
      kZeroCopy +
      std::string{"cat stream-next; exec 9< streams/a; sleep 0.1; exec 9<&-; exec sleep 60"})};
  RecyclingSource source{{{"a", noise(700'000), {}}, {"b", "beta", {}}}};

  EXPECT_THAT(probe.module->download(source),
              FailsWith(ErrorCode::module_failed,
                        HasSubstr("closed streams/a after 0 of 700000 bytes of streams/a")));
}

TEST(Lending, GivenAModuleThatMakesThePipeLarger_ThenItIsStoppedBeforeItReadsWhatIsNotThePayload) {
  ProbeModule probe{inside_download(kZeroCopy + std::string{R"sh(cat stream-next
    exec perl -e 'open F, "<", "streams/a"; fcntl(F, 1031, 1 << 18) or die;
                  open G, ">", "$ENV{OUT}/small"; print G "yes"; close G; sleep 1;
                  fcntl(F, 1031, 1 << 20) or die; sleep 60')sh"})};
  RecyclingSource source{{{"a", noise(5'000'000), {}}}, RecyclingSource::kMiB / 2};
  source.before_read = [&probe] {
    while (probe.left("small").empty())
      std::this_thread::yield();
  };

  EXPECT_THAT(
      probe.module->download(source),
      FailsWith(ErrorCode::module_failed, AllOf(HasSubstr("of streams/a unread"),
                                                HasSubstr("it may not make the pipe larger"))));
}

}  // namespace
}  // namespace patchbay::host
