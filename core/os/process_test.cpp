#include "core/os/process.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <cerrno>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::os {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Command shell(const std::string& script) {
  Command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", script};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

TEST(Process, GivenExitCode_WhenRun_ThenItIsReported) {
  const auto exit = run(shell("echo hello; exit 3"), Deadline::never());

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "exit code 3");
  EXPECT_EQ(exit->output, "hello\n");
}

TEST(Process, GivenMissingProgram_WhenStarted_ThenItIsNotFoundAndNothingIsLeft) {
  Command command;
  command.program = "/nowhere/at/all";

  EXPECT_THAT(Process::start(command),
              FailsWith(ErrorCode::not_found, HasSubstr("/nowhere/at/all")));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Process, GivenTimeout_WhenChildIgnoresTerm_ThenItIsKilled) {
  auto command = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
  command.grace = std::chrono::milliseconds{50};

  const auto exit = run(command, Deadline::after(std::chrono::milliseconds{50}));

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "timed out");
  EXPECT_EQ(exit->value, SIGKILL);
}

}  // namespace
}  // namespace patchbay::os
