#include "tests/support/kill_at_syscall.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "tests/support/temp_dir.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KillAtSyscall : public ::testing::Test {
 protected:
  Cut cut(const std::string& script, unsigned nth, Victim victim = Victim::everybody,
          Counted counted = Counted::everybody) {
    return run_and_cut({{"/bin/sh", "-c", script}, {"PATH=/bin:/usr/bin"}, directory_.path(), ""},
                       nth, victim, counted);
  }
  TempDir directory_;
};

TEST_F(KillAtSyscall, GivenNoCut_ThenProgramRunsToItsEndAndCallsAreCounted) {
  const auto result = cut("mkdir a; rmdir a; exit 3", 0);

  EXPECT_FALSE(result.reached);
  EXPECT_TRUE(result.exited_with(3));
  EXPECT_EQ(result.calls, 2U);
}

TEST_F(KillAtSyscall, GivenSecondCall_WhenCut_ThenFirstHasHappenedAndSecondHasNot) {
  const auto result = cut("mkdir a; mkdir b; mkdir c", 2);

  EXPECT_TRUE(result.reached);
  EXPECT_THAT(result.call, HasSubstr("mkdir"));
  EXPECT_EQ(result.subject, "b");
  EXPECT_TRUE(fs::exists(directory_ / "a"));
  EXPECT_FALSE(fs::exists(directory_ / "b"));
  EXPECT_FALSE(fs::exists(directory_ / "c"));
}

TEST_F(KillAtSyscall, GivenMoreCallsThanThereAre_ThenNotReached) {
  EXPECT_FALSE(cut("mkdir a", 2).reached);
}

TEST_F(KillAtSyscall, GivenCallsOfProgramAndChild_ThenEachCanBeCountedAlone) {
  const std::string script = "echo 1 > a; (echo 2 > b; echo 3 > c); mkdir d";

  const auto own = cut(script, 0, Victim::everybody, Counted::first_process);
  const auto theirs = cut(script, 2, Victim::everybody, Counted::children);

  EXPECT_EQ(own.calls, 2U);  // mkdir is a child, too
  EXPECT_TRUE(theirs.reached);
  EXPECT_TRUE(fs::exists(directory_ / "b"));
  EXPECT_EQ(fs::file_size(directory_ / "b"), 0U);
}

TEST_F(KillAtSyscall, GivenReadingAndPipes_ThenNothingCounts) {
  EXPECT_EQ(cut("cat /etc/passwd | cat > /dev/null; echo x | cat >&2", 0).calls, 0U);
}

TEST_F(KillAtSyscall, GivenFirstProcessAsVictim_WhenChildIsCut_ThenChildLivesOn) {
  ASSERT_EQ(::mkfifo((directory_ / "done").c_str(), 0600), 0);

  const auto result = cut("(mkdir a; mkdir b; echo > done) & wait", 1, Victim::first_process);

  EXPECT_TRUE(result.reached);
  EXPECT_TRUE(WIFSIGNALED(result.wait_status));
  read_text(directory_ / "done");  // waits for the child
  EXPECT_TRUE(fs::exists(directory_ / "b"));
}

TEST_F(KillAtSyscall, GivenOnlyFirstProcessCounts_ThenCallsOfChildrenDoNot) {
  EXPECT_EQ(cut("mkdir a; mkdir b; exit 0", 0, Victim::everybody, Counted::first_process).calls,
            0U);
}

TEST_F(KillAtSyscall, GivenRequestsOverSockets_WhenAskedFor_ThenSendingAndWaitingForAnAnswerCount) {
  const std::string script =
      "exec python3 -BIS -c 'import socket; a, b = socket.socketpair()\n"
      "for text in (b\"GET /\", b\"POST /\"): a.send(text); b.recv(9); a.setblocking(False)'";
  const auto run = [&](unsigned nth, Reach reach) {
    return run_and_cut({{"/bin/sh", "-c", script}, {"PATH=/bin:/usr/bin"}, directory_.path(), ""},
                       nth, Victim::everybody, Counted::everybody, reach);
  };

  EXPECT_EQ(run(0, Reach::files).calls, 0U);
  EXPECT_EQ(run(0, Reach::and_sockets).calls, 2U);
  EXPECT_EQ(run(1, Reach::and_sockets).subject, "POST /");
  EXPECT_EQ(run(2, Reach::and_sockets).call, "recvfrom");
}

struct Rebooting {
  std::string script;
  bool reboots;
  unsigned calls;  ///< the start of the shell is one
};

TEST_F(KillAtSyscall, GivenScripts_WhenRunToTheReboot_ThenItAndWhatCouldRebootOtherThingsIsSeen) {
  // The argument changes nothing where the call is made all the same.
  const std::string reboot = "exec python3 -BIS -c 'import ctypes; ctypes.CDLL(None).reboot(0)'";
  const std::vector<Rebooting> cases{
      {":", false, 1},
      {"read -r x < /etc/passwd; echo x > /dev/null", false, 1},
      {"exec true", false, 2},
      {"echo x > a", false, 3},
      {"echo 1 > /dev/full || :", false, 2},
      {reboot, true, 3},
      {"(" + reboot + "); mkdir not-reached", true, 3},
  };
  for (const auto& [script, reboots, calls] : cases) {
    SCOPED_TRACE(script);
    const auto cut = kit::run_to_reboot(
        {{"/bin/sh", "-c", script}, {"PATH=/bin:/usr/bin"}, directory_.path(), ""});
    EXPECT_EQ(cut.reached, reboots);
    EXPECT_EQ(cut.calls, calls);
    EXPECT_EQ(cut.exited_with(0), !reboots);
  }
  EXPECT_FALSE(fs::exists(directory_ / "not-reached"));
}

}  // namespace
}  // namespace patchbay::testing
