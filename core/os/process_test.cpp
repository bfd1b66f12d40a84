#include "core/os/process.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <csignal>
#include <thread>

#include "core/base/bytes.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/file.hpp"
#include "core/os/process_test_support.hpp"

namespace patchbay::os {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using testing::TempDir;

auto prints(const std::string& text) {
  return IsOkAnd(
      AllOf(Field("output", &Exit::output, text), ::testing::Property(&Exit::success, true)));
}

struct EndCase {
  const char* name;
  const char* script;
  const char* description;
};

void PrintTo(const EndCase& row, std::ostream* out) {
  *out << row.name;
}

class ProcessEnds : public ProcessTest, public ::testing::WithParamInterface<EndCase> {};

TEST_P(ProcessEnds, GivenScript_WhenRun_ThenItsEndIsDescribed) {
  const auto exit = run(shell(GetParam().script), patience());

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), GetParam().description);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ProcessEnds,
    ::testing::Values(
        EndCase{"Success", "exit 0", "exit code 0"}, EndCase{"Code", "exit 3", "exit code 3"},
        EndCase{"HighestCode", "exit 255", "exit code 255"},
        EndCase{"Code127", "exit 127", "exit code 127"},
        EndCase{"Segfault", "kill -SEGV $$", "killed by signal 11 (Segmentation fault)"},
        EndCase{"Kill", "kill -KILL $$", "killed by signal 9 (Killed)"},
        // A child that has blocked or ignored it would not die of these.
        EndCase{"PipeIsNotIgnored", "kill -PIPE $$", "killed by signal 13 (Broken pipe)"},
        EndCase{"ClosesItsOutput", "exec >&- 2>&-; exit 4", "exit code 4"}),
    [](const auto& row) { return std::string{row.param.name}; });

class ProcessStart : public ProcessTest {
 protected:
  TempDir dir_;

  Result<Process> start(const std::string& path) {
    Command command;
    command.program = path;
    return Process::start(command);
  }
};

TEST_F(ProcessStart, GivenMissingProgram_WhenStarted_ThenItIsNotFound) {
  EXPECT_THAT(start(dir_ / "none"), FailsWith(ErrorCode::not_found, HasSubstr(dir_ / "none")));
}

TEST_F(ProcessStart, GivenDanglingLink_WhenStarted_ThenThatIsSaid) {
  ASSERT_EQ(::symlink("gone", (dir_ / "link").c_str()), 0);

  EXPECT_THAT(start(dir_ / "link"), FailsWith(ErrorCode::not_found, HasSubstr("symbolic link")));
}

TEST_F(ProcessStart, GivenMissingInterpreter_WhenStarted_ThenItIsNamed) {
  testing::write_script(dir_ / "module", "#! /opt/no/python3 -u\nprint()\n");

  EXPECT_THAT(start(dir_ / "module"),
              FailsWith(ErrorCode::not_found,
                        AllOf(HasSubstr(dir_ / "module"), HasSubstr("/opt/no/python3, named"))));
}

TEST_F(ProcessStart, GivenCrLfScript_WhenStarted_ThenTheLineEndIsBlamed) {
  testing::write_script(dir_ / "module", "#!/bin/sh\r\nexit 0\r\n");

  EXPECT_THAT(start(dir_ / "module"), FailsWith(ErrorCode::not_found, HasSubstr("CR LF")));
}

TEST_F(ProcessStart, GivenAProgramOfAnotherMachine_WhenStarted_ThenBothAreNamed) {
  auto program = read_file("/bin/true", kMiB).value();
  const bool big_endian = std::endian::native == std::endian::big;
  program[18] = static_cast<char>(big_endian ? 0 : 2);  // SPARC, which nobody emulates by chance
  program[19] = static_cast<char>(big_endian ? 2 : 0);
  testing::write_script(dir_ / "module", program);

  EXPECT_THAT(start(dir_ / "module"),
              FailsWith(ErrorCode::unsupported,
                        AllOf(HasSubstr("built for machine number 2, and this machine is "),
                              HasSubstr("build it for this machine"))));
}

TEST_F(ProcessStart, GivenAScriptWithAByteOrderMark_WhenStarted_ThenItIsBlamed) {
  testing::write_script(dir_ / "module", "\xef\xbb\xbf#!/bin/sh\n");

  EXPECT_THAT(start(dir_ / "module"),
              FailsWith(ErrorCode::unsupported, HasSubstr("begins with a byte order mark")));
}

TEST_F(ProcessStart, GivenAnEmptyFile_WhenStarted_ThenItIsCalledSo) {
  testing::write_script(dir_ / "module", "");

  EXPECT_THAT(start(dir_ / "module"),
              FailsWith(ErrorCode::unsupported, HasSubstr("an empty file")));
}

TEST_F(ProcessStart, GivenProgramsThatCannotStart_WhenChecked_ThenThatIsSaidWithoutAStart) {
  testing::write_script(dir_ / "good", "#!/bin/sh\ntouch " + (dir_ / "started") + "\n");
  EXPECT_THAT(check_program(dir_ / "good"), IsOk());
  EXPECT_THAT(check_program("/bin/true"), IsOk());
  EXPECT_FALSE(exists(dir_ / "started"));

  testing::write_script(dir_ / "empty", "");
  EXPECT_THAT(check_program(dir_ / "empty"),
              FailsWith(ErrorCode::unsupported, HasSubstr("an empty file")));
  testing::write_script(dir_ / "crlf", "#!/bin/sh\r\n");
  EXPECT_THAT(check_program(dir_ / "crlf"), FailsWith(ErrorCode::not_found, HasSubstr("CR LF")));
}

TEST_F(ProcessStart, GivenInterpreterWithoutExecuteBit_WhenStarted_ThenItIsNamed) {
  testing::write_text(dir_ / "interpreter", "");
  testing::write_script(dir_ / "module", "#!" + (dir_ / "interpreter") + "\n");

  EXPECT_THAT(start(dir_ / "module"),
              FailsWith(ErrorCode::denied, HasSubstr(dir_ / "interpreter")));
}

TEST_F(ProcessStart, GivenFileWithoutExecuteBit_WhenStarted_ThenItIsDenied) {
  testing::write_text(dir_ / "module", "#!/bin/sh\n");

  EXPECT_THAT(start(dir_ / "module"), FailsWith(ErrorCode::denied, HasSubstr("chmod +x")));
}

TEST_F(ProcessStart, GivenDirectory_WhenStarted_ThenItIsDenied) {
  EXPECT_THAT(start(dir_.path()), FailsWith(ErrorCode::denied, HasSubstr("directory")));
}

TEST_F(ProcessStart, GivenFifo_WhenStarted_ThenItIsDenied) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0755), 0);

  EXPECT_THAT(start(dir_ / "fifo"), FailsWith(ErrorCode::denied, HasSubstr("not a file")));
}

TEST_F(ProcessStart, GivenTextWithoutInterpreterLine_WhenStarted_ThenItIsUnsupported) {
  testing::write_script(dir_ / "module", "exit 0\n");

  EXPECT_THAT(start(dir_ / "module"), FailsWith(ErrorCode::unsupported, HasSubstr("#!")));
}

TEST_F(ProcessStart, GivenEmptyFile_WhenStarted_ThenItIsUnsupported) {
  testing::write_script(dir_ / "module", "");

  EXPECT_THAT(start(dir_ / "module"), FailsWith(ErrorCode::unsupported, HasSubstr("module")));
}

TEST_F(ProcessStart, GivenProgramStillOpenForWriting_WhenStarted_ThenThatIsSaid) {
  testing::write_script(dir_ / "module", "#!/bin/sh\n");
  const UniqueFd writer{::open((dir_ / "module").c_str(), O_WRONLY | O_CLOEXEC)};

  EXPECT_THAT(start(dir_ / "module"), FailsWith(ErrorCode::io, HasSubstr("writing")));
}

TEST_F(ProcessStart, GivenRelativePath_WhenStarted_ThenItIsRefused) {
  EXPECT_THAT(start("sh"), FailsWith(ErrorCode::invalid_input, HasSubstr("absolute")));
  EXPECT_THAT(start(""), FailsWith(ErrorCode::invalid_input, HasSubstr("absolute")));
}

TEST_F(ProcessStart, GivenNulByte_WhenStarted_ThenItIsRefused) {
  auto command = shell("true");
  command.arguments.emplace_back("a\0b", 3);

  EXPECT_THAT(Process::start(command), FailsWith(ErrorCode::invalid_input, HasSubstr("NUL")));
}

TEST_F(ProcessStart, GivenMissingWorkingDirectory_WhenStarted_ThenItIsNamed) {
  auto command = shell("true");
  command.working_directory = dir_ / "none";

  EXPECT_THAT(Process::start(command), FailsWith(ErrorCode::not_found, HasSubstr(dir_ / "none")));
}

TEST_F(ProcessStart, GivenClosedDescriptor_WhenPassed_ThenStartFails) {
  auto command = shell("true");
  command.descriptors = {{999, 5}};

  EXPECT_THAT(Process::start(command), FailsWith(ErrorCode::io, HasSubstr("descriptor")));
}

TEST_F(ProcessStart, GivenStandardStreamNumber_WhenPassed_ThenStartIsRefused) {
  auto command = shell("true");
  command.descriptors = {{0, 2}};

  EXPECT_THAT(Process::start(command), FailsWith(ErrorCode::invalid_input, HasSubstr("below 3")));
}

class ProcessSurroundings : public ProcessTest {};

TEST_F(ProcessSurroundings, GivenEnvironment_WhenRun_ThenTheChildHasExactlyThat) {
  ASSERT_EQ(::setenv("PATCHBAY_TEST_SECRET", "leak", 1), 0);
  Command command;
  command.program = "/usr/bin/env";
  command.environment = {"A=1", "B=two words", "EMPTY="};

  EXPECT_THAT(run(command, patience()), prints("A=1\nB=two words\nEMPTY=\n"));
  ::unsetenv("PATCHBAY_TEST_SECRET");
}

TEST_F(ProcessSurroundings, GivenArguments_WhenRun_ThenTheyArriveUnchanged) {
  auto command = shell(R"(printf '<%s>' "$@")");
  command.arguments.insert(command.arguments.end(), {"name", "a b", "", "$HOME", "'\"\n"});

  EXPECT_THAT(run(command, patience()), prints("<a b><><$HOME><'\"\n>"));
}

TEST_F(ProcessSurroundings, GivenWorkingDirectory_WhenRun_ThenTheChildIsThere) {
  const TempDir dir;
  auto command = shell("pwd -P");
  command.working_directory = dir.path();

  EXPECT_THAT(run(command, patience()), prints(dir.path() + "\n"));
}

TEST_F(ProcessSurroundings, GivenReadingChild_WhenRun_ThenItsInputIsEmpty) {
  EXPECT_THAT(run(shell("cat; readlink /proc/self/fd/0"), patience()), prints("/dev/null\n"));
}

TEST_F(ProcessSurroundings, GivenOpenDescriptors_WhenRun_ThenNoneLeaks) {
  const UniqueFd leaky{::open("/dev/null", O_RDONLY)};  // without O_CLOEXEC
  const UniqueFd high{::fcntl(leaky.get(), F_DUPFD, 700)};
  Command command;
  command.program = "/bin/ls";
  command.arguments = {"/proc/self/fd"};

  // 3 is the directory that ls itself reads.
  EXPECT_THAT(run(command, patience()), prints("0\n1\n2\n3\n"));
}

TEST_F(ProcessSurroundings, GivenPassedDescriptors_WhenRun_ThenTheyArriveUnderTheirNumbers) {
  const TempDir dir;
  testing::write_text(dir / "a", "A");
  testing::write_text(dir / "b", "B");
  testing::write_text(dir / "c", "C");
  const UniqueFd a{::open((dir / "a").c_str(), O_RDONLY | O_CLOEXEC)};
  const UniqueFd b{::open((dir / "b").c_str(), O_RDONLY | O_CLOEXEC)};
  const UniqueFd c{::open((dir / "c").c_str(), O_RDONLY | O_CLOEXEC)};
  auto command = shell("cat <&3; cat <&9; cat /dev/fd/20; ls /proc/self/fd | tr '\\n' ' '");
  // Numbers that are in use on our side, by each other and by the pipes. (4 is of ls itself.)
  command.descriptors = {{a.get(), 9}, {b.get(), 3}, {c.get(), 20}};

  EXPECT_THAT(run(command, patience()), prints("BAC0 1 2 20 3 4 9 "));
  EXPECT_GE(::fcntl(a.get(), F_GETFD), 0) << "ours stays ours";
}

TEST_F(ProcessSurroundings, GivenSwappedNumbers_WhenPassed_ThenNeitherOverwritesTheOther) {
  const TempDir dir;
  testing::write_text(dir / "a", "A");
  testing::write_text(dir / "b", "B");
  const UniqueFd a{::open((dir / "a").c_str(), O_RDONLY | O_CLOEXEC)};
  const UniqueFd b{::open((dir / "b").c_str(), O_RDONLY | O_CLOEXEC)};
  auto command = shell("cat /proc/self/fd/" + std::to_string(a.get()) + " /proc/self/fd/" +
                       std::to_string(b.get()));
  command.descriptors = {{a.get(), b.get()}, {b.get(), a.get()}};

  EXPECT_THAT(run(command, patience()), prints("BA"));
}

TEST_F(ProcessSurroundings, GivenBlockedAndIgnoredSignals_WhenRun_ThenTheChildHasNeither) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  Command command;
  command.program = "/bin/grep";
  command.arguments = {"-E", "^Sig(Blk|Ign)", "/proc/self/status"};

  const auto exit = run(command, patience());
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &before, &after);
  ::signal(SIGPIPE, pipe_before);

  EXPECT_THAT(exit, prints("SigBlk:\t0000000000000000\n"
                           "SigIgn:\t0000000000000000\n"));
  EXPECT_EQ(::sigismember(&after, SIGTERM), 1) << "our own mask is as before";
  EXPECT_EQ(::sigismember(&after, SIGINT), 0) << "our own mask is as before";
}

TEST_F(ProcessSurroundings, GivenIgnoredSigchld_WhenRun_ThenTheExitCodeIsNotLost) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);

  const auto exit = run(shell("exit 7"), patience());
  ::signal(SIGCHLD, before);

  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(exit->describe(), "exit code 7");
}

TEST_F(ProcessSurroundings, GivenRunningChild_WhenStarted_ThenItLeadsItsOwnGroup) {
  auto process = Process::start(shell("exec cat /proc/self/stat"));
  ASSERT_THAT(process, IsOk());
  const std::string pid = std::to_string(process->pid());

  const auto exit = process->finish(patience());

  ASSERT_THAT(exit, IsOk());
  EXPECT_THAT(exit->output, HasSubstr(pid + " (cat) R " + std::to_string(::getpid()) + " " + pid));
}

TEST_F(ProcessSurroundings, GivenHugeDescriptorLimit_WhenRun_ThenTheChildKeepsItAndNothingLeaks) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit huge{before.rlim_max, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &huge), 0);
  // At the very top: closing one by one would have to walk all of them to find it.
  const UniqueFd top{::fcntl(0, F_DUPFD, static_cast<int>(huge.rlim_cur) - 1)};
  ASSERT_TRUE(top);

  const auto exit = run(shell("ulimit -n; ls /proc/self/fd | wc -l"), patience());
  ::setrlimit(RLIMIT_NOFILE, &before);

  EXPECT_THAT(exit, prints(std::to_string(huge.rlim_cur) + "\n4\n"));
}

TEST_F(ProcessSurroundings, GivenNoFreeDescriptor_WhenStarted_ThenThatIsAnErrorAndNothingLeaks) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd next{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  for (int room = 0; room < 10; ++room) {
    const rlimit tight{static_cast<rlim_t>(next.get() + room), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    const auto exit = run(shell("exit 0"), patience());
    ::setrlimit(RLIMIT_NOFILE, &before);
    if (!exit) {
      EXPECT_THAT(exit, FailsWith(ErrorCode::io, HasSubstr("start /bin/sh")));
    }
  }

  const UniqueFd again{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(again.get(), next.get() + 1);
}

TEST_F(ProcessSurroundings, GivenManyThreads_WhenTheyRunChildren_ThenEachGetsItsOwnOutput) {
  std::vector<std::string> outputs(8);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      threads.emplace_back([&outputs, i] {
        for (int round = 0; round < 5; ++round) {
          const auto exit = run(shell("echo " + std::to_string(i)), patience());
          outputs[i] += exit ? exit->output : exit.error().message();
        }
      });
    }
  }

  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string line = std::to_string(i) + "\n";
    EXPECT_EQ(outputs[i], line + line + line + line + line);
  }
}

}  // namespace
}  // namespace patchbay::os
