#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "core/base/unique_fd.hpp"
#include "core/os/process.hpp"
#include "core/os/process_test_support.hpp"

namespace patchbay::os {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::IsOkAnd;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

/// A pipe whose read end comes to its end when every process that holds the write end has died.
struct LifeLine {
  UniqueFd read_end;
  UniqueFd write_end;

  LifeLine() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  /// Waits until all of them are dead.
  [[nodiscard]] bool all_dead() {
    write_end.reset();
    pollfd watched{read_end.get(), 0, 0};
    return ::poll(&watched, 1, 60'000) == 1 && (watched.revents & POLLHUP) != 0;
  }
  [[nodiscard]] bool somebody_alive() {
    write_end.reset();
    pollfd watched{read_end.get(), 0, 0};
    return ::poll(&watched, 1, 0) == 0;
  }
};

class ProcessOutput : public ProcessTest {
 protected:
  Lines lines_;
  LineSink sink_ = [this](Stream stream, std::string_view line) {
    lines_.push_back((stream == Stream::out ? "out " : "err ") + std::string{line});
  };
};

TEST_F(ProcessOutput, GivenBothStreams_WhenRun_ThenLinesTellWhichAndOutputHoldsOnlyOne) {
  const auto exit = run(shell("echo one; echo two >&2"), patience(), sink_);

  ASSERT_THAT(exit, IsOk());
  EXPECT_THAT(lines_, ::testing::UnorderedElementsAre("out one", "err two"));
  EXPECT_EQ(exit->output, "one\n");
}

TEST_F(ProcessOutput, GivenLineInTwoWrites_WhenRun_ThenItIsOneLine) {
  const auto exit = run(shell("printf 'Y'; printf 'es\\n'; printf rest"), patience(), sink_);

  ASSERT_THAT(exit, IsOk());
  EXPECT_THAT(lines_, ElementsAre("out Yes", "out rest"));
}

TEST_F(ProcessOutput, GivenMegabytes_WhenRun_ThenMemoryIsBoundedAndTheChildEnds) {
  auto command = shell("head -c 8000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 5");
  std::size_t seen = 0;
  std::size_t longest = 0;

  const auto exit = run(command, patience(), [&](Stream, std::string_view line) {
    seen += line.size();
    longest = std::max(longest, line.size());
  });

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "exit code 5");
  EXPECT_EQ(exit->output.size(), command.max_output);
  EXPECT_TRUE(exit->output_truncated);
  EXPECT_EQ(seen, 11'000'000u);
  EXPECT_EQ(longest, command.max_line);
}

TEST_F(ProcessOutput, GivenGrandchildWithThePipes_WhenTheChildExits_ThenItNeitherHoldsNorDies) {
  LifeLine life;
  auto command = shell("sleep 1000 & echo last words");
  command.descriptors = {{life.write_end.get(), 3}};
  auto process = Process::start(command, sink_);
  ASSERT_THAT(process, IsOk());
  const int group = process->pid();

  const auto exit = process->finish(Deadline::never());

  ASSERT_THAT(exit, IsOk());
  EXPECT_TRUE(exit->success());
  EXPECT_EQ(exit->output, "last words\n");
  EXPECT_TRUE(life.somebody_alive());
  ::kill(-group, SIGKILL);
  EXPECT_TRUE(life.all_dead());
}

TEST_F(ProcessOutput, GivenGrandchildThatFloods_WhenTheChildExits_ThenFinishReturns) {
  LifeLine life;
  auto command = shell("yes & exit 6");
  command.descriptors = {{life.write_end.get(), 3}};
  auto process = Process::start(command, [](Stream, std::string_view) {});
  ASSERT_THAT(process, IsOk());
  const int group = process->pid();

  const auto exit = process->finish(Deadline::never());

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "exit code 6");
  ::kill(-group, SIGKILL);
  EXPECT_TRUE(life.all_dead());
}

class ProcessTimeout : public ProcessTest {
 protected:
  LifeLine life_;

  Command scripted(const std::string& script, std::chrono::milliseconds grace) {
    auto command = shell(script);
    command.descriptors = {{life_.write_end.get(), 3}};
    command.grace = grace;
    return command;
  }
};

TEST_F(ProcessTimeout, GivenObedientChild_WhenTimeIsUp_ThenSigtermIsEnough) {
  const auto exit = run(scripted("sleep 1000", 60s), Deadline::after(20ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "timed out");
  EXPECT_EQ(exit->value, SIGTERM);
  EXPECT_FALSE(exit->success());
  EXPECT_TRUE(life_.all_dead());
}

TEST_F(ProcessTimeout, GivenChildThatCleansUp_WhenTimeIsUp_ThenItMayFinishDoingSo) {
  auto process = Process::start(
      scripted("trap 'echo cleaned; exit 0' TERM; echo armed; while :; do sleep 0.01; done", 60s));
  ASSERT_THAT(process, IsOk());

  const auto exit = process->finish(Deadline::after(200ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->kind, Exit::Kind::timeout);
  EXPECT_EQ(exit->value, SIGTERM);
  EXPECT_EQ(exit->output, "armed\ncleaned\n");
}

TEST_F(ProcessTimeout, GivenGroupThatIgnoresSigterm_WhenTheGraceIsOver_ThenAllOfItIsKilled) {
  auto process =
      Process::start(scripted("trap '' TERM; sleep 1000 & (sleep 1000 & sleep 1000) & wait", 30ms));
  ASSERT_THAT(process, IsOk());

  const auto exit = process->finish(Deadline::after(100ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "timed out");
  EXPECT_EQ(exit->value, SIGKILL);
  EXPECT_TRUE(life_.all_dead());
}

TEST_F(ProcessTimeout, GivenOnlyAGrandchildIgnoresSigterm_WhenTheGraceIsOver_ThenItDiesToo) {
  auto process = Process::start(scripted("(trap '' TERM; sleep 1000) & sleep 1000", 30ms));
  ASSERT_THAT(process, IsOk());

  const auto exit = process->finish(Deadline::after(100ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->value, SIGTERM);
  EXPECT_TRUE(life_.all_dead());
}

TEST_F(ProcessTimeout, GivenStoppedChild_WhenTimeIsUp_ThenItEnds) {
  const auto exit = run(scripted("kill -STOP $$", 60s), Deadline::after(50ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->value, SIGTERM);
  EXPECT_TRUE(life_.all_dead());
}

TEST_F(ProcessTimeout, GivenFlood_WhenTimeIsUp_ThenTheDeadlineHolds) {
  const auto exit = run(scripted("exec yes", 60s), Deadline::after(50ms));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "timed out");
  EXPECT_TRUE(exit->output_truncated);
}

TEST_F(ProcessTimeout, GivenRunningChild_WhenTerminated_ThenTheSignalIsReported) {
  auto process = Process::start(scripted("echo up; exec sleep 1000", 60s));
  ASSERT_THAT(process, IsOk());

  const auto exit = process->terminate();

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "killed by signal 15 (Terminated)");
}

TEST_F(ProcessTimeout, GivenExitedChild_WhenTerminated_ThenItsCodeIsReported) {
  auto process = Process::start(scripted("exit 9", 60s));
  ASSERT_THAT(process, IsOk());
  ASSERT_THAT(process->wait(-1, 0, patience()), IsOkAnd(Process::Wake::exited));

  EXPECT_EQ(process->terminate()->describe(), "exit code 9");
}

TEST_F(ProcessTimeout, GivenRunningGroup_WhenDropped_ThenItIsKilledAndReaped) {
  {
    auto process = Process::start(scripted("trap '' TERM; sleep 1000 & sleep 1000", 60s));
    ASSERT_THAT(process, IsOk());
  }

  EXPECT_TRUE(life_.all_dead());
}

TEST_F(ProcessTimeout, GivenTwoChildren_WhenOneIsMovedOverTheOther_ThenTheOtherIsKilled) {
  auto first = Process::start(scripted("sleep 1000", 60s));
  auto second = Process::start(shell("exit 2"));
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());

  *first = *std::move(second);

  EXPECT_TRUE(life_.all_dead());
  EXPECT_EQ(first->finish(patience())->describe(), "exit code 2");
}

class ProcessWait : public ProcessTest {
 protected:
  LifeLine pipe_;
};

TEST_F(ProcessWait, GivenReadyDescriptor_WhenWaiting_ThenReady) {
  auto process = Process::start(shell("sleep 1000"));
  ASSERT_THAT(process, IsOk());
  ASSERT_EQ(::write(pipe_.write_end.get(), "x", 1), 1);

  EXPECT_THAT(process->wait(pipe_.read_end.get(), POLLIN, patience()),
              IsOkAnd(Process::Wake::ready));
}

TEST_F(ProcessWait, GivenPeerHasHungUp_WhenWaiting_ThenReady) {
  auto process = Process::start(shell("sleep 1000"));
  ASSERT_THAT(process, IsOk());
  pipe_.write_end.reset();

  EXPECT_THAT(process->wait(pipe_.read_end.get(), POLLIN, patience()),
              IsOkAnd(Process::Wake::ready));
}

TEST_F(ProcessWait, GivenNothingHappens_WhenTimeIsUp_ThenDeadlineAndTheChildLives) {
  auto process = Process::start(shell("sleep 1000"));
  ASSERT_THAT(process, IsOk());

  EXPECT_THAT(process->wait(pipe_.read_end.get(), POLLIN, Deadline::after(10ms)),
              IsOkAnd(Process::Wake::deadline));

  EXPECT_EQ(::kill(process->pid(), 0), 0);
}

TEST_F(ProcessWait, GivenExitAndReadyAtOnce_WhenWaiting_ThenExitWins) {
  auto process = Process::start(shell("exit 3"));
  ASSERT_THAT(process, IsOk());
  ASSERT_THAT(process->wait(-1, 0, patience()), IsOkAnd(Process::Wake::exited));
  ASSERT_EQ(::write(pipe_.write_end.get(), "x", 1), 1);

  EXPECT_THAT(process->wait(pipe_.read_end.get(), POLLIN, patience()),
              IsOkAnd(Process::Wake::exited));
  EXPECT_EQ(process->finish(patience())->describe(), "exit code 3");
}

TEST_F(ProcessWait, GivenChattyChild_WhenWaiting_ThenItsOutputIsPassedOnMeanwhile) {
  std::string seen;
  auto process =
      Process::start(shell("echo hello; head -c 300000 /dev/zero; echo; exec sleep 1000"),
                     [&seen](Stream, std::string_view line) {
                       if (seen.empty()) seen = line;
                     });
  ASSERT_THAT(process, IsOk());

  // More than a pipe holds has to be taken before the child comes to its sleep.
  EXPECT_THAT(process->wait(-1, 0, Deadline::after(300ms)), IsOkAnd(Process::Wake::deadline));

  EXPECT_EQ(seen, "hello");
}

}  // namespace
}  // namespace patchbay::os
