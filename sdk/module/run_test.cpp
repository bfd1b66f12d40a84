#include "patchbay/run.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

class Run : public ::testing::Test {
 protected:
  std::string script(const std::string& text) {
    testing::write_script(directory_ / "script", "#!/bin/sh\n" + text);
    return directory_ / "script";
  }
  TempDir directory_;
};

TEST_F(Run, GivenArguments_ThenTheyArriveAsTheyAre) {
  const auto path = script("printf '%s|' \"$@\" > " + (directory_ / "out"));

  const auto exit = run({path, {"a b", "", "$HOME", "'"}});

  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->success());
  EXPECT_EQ(testing::read_text(directory_ / "out"), "a b||$HOME|'|");
}

TEST_F(Run, GivenExitCodeOrSignal_ThenTold) {
  EXPECT_EQ(run({script("exit 3")})->describe(), "exit code 3");
  EXPECT_EQ(run({script("kill -15 $$")})->describe(), "killed by signal 15 (Terminated)");
}

TEST_F(Run, GivenWorkingDirectory_ThenProgramIsThere) {
  const auto exit = run({script("pwd > out"), {}, directory_.path()});

  ASSERT_TRUE(exit);
  EXPECT_EQ(testing::read_text(directory_ / "out"), directory_.path() + "\n");
}

TEST_F(Run, GivenSomethingToDoMeanwhile_WhenProgramWaitsForIt_ThenBothComeToTheirEnd) {
  Program program{script("while ! [ -e go ]; do sleep 0.01; done; exit 3"), {}, directory_.path()};
  bool over_before = true;
  program.meanwhile = [&](int ended) {
    pollfd wanted{ended, POLLIN, 0};
    over_before = ::poll(&wanted, 1, 0) != 0;
    testing::write_text(directory_ / "go", "");
    EXPECT_EQ(::poll(&wanted, 1, 60'000), 1);
  };

  const auto exit = run(program);

  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->describe(), "exit code 3");
  EXPECT_FALSE(over_before);
}

TEST_F(Run, GivenTimeLimit_WhenProgramHangs_ThenItIsKilledAndSaidSo) {
  const auto exit = run({script("exec sleep 1000"), {}, "", std::chrono::milliseconds{50}});

  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->kind, ProgramExit::Kind::timeout);
}

TEST_F(Run, GivenTimeLimit_WhenProgramIsQuick_ThenItDoesNotMatter) {
  EXPECT_TRUE(run({script(""), {}, "", std::chrono::seconds{60}})->success());
}

TEST_F(Run, GivenOpenDescriptor_ThenProgramDoesNotGetIt) {
  const int fd = ::dup(0);
  const auto exit = run({script("[ ! -e /proc/self/fd/" + std::to_string(fd) + " ]")});
  ::close(fd);

  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->success());
}

TEST_F(Run, GivenNoProgram_ThenNotFound) {
  const auto exit = run({directory_ / "none"});

  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().error_number(), ENOENT);
}

TEST_F(Run, GivenFileThatIsNotExecutable_ThenSaysSo) {
  testing::write_text(directory_ / "plain", "x");

  const auto exit = run({directory_ / "plain"});

  ASSERT_FALSE(exit);
  EXPECT_THAT(exit.error().message(), HasSubstr("not executable"));
}

TEST_F(Run, GivenInput_WhenOutputIsCaptured_ThenBothAreWhole) {
  const std::string text(300000, 'x');
  Program program{script("cat; echo done")};
  program.input = text;
  program.output = Program::Output::capture;
  const auto exit = run(program);

  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->success());
  EXPECT_EQ(exit->output, text + "done\n");
}

TEST_F(Run, GivenFloodOfOutput_ThenItsFirstMebibyteIsKept) {
  Program program{script("head -c 3000000 /dev/zero")};
  program.output = Program::Output::capture;
  EXPECT_EQ(run(program)->output.size(), 1024U * 1024U);
}

TEST_F(Run, GivenProgramName_ThenFoundInPath) {
  EXPECT_THAT(find_program("sh").value_or(""), ::testing::EndsWith("/sh"));
  EXPECT_FALSE(find_program("no-such-program"));
}

TEST(LinesOf, GivenTexts_ThenLinesComeWithoutTheirEnds) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("one\n\nthree\n"), (Lines{"one", "", "three"}));
  EXPECT_EQ(lines_of("one\ntwo"), (Lines{"one", "two"}));
}

}  // namespace
}  // namespace patchbay::module
