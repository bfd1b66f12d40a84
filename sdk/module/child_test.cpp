#include "patchbay/child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>

#include "tests/support/run_without.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

using ::testing::HasSubstr;
using testing::run_without;
using testing::TempDir;

class ChildTest : public ::testing::Test {
 protected:
  std::string script(const std::string& text) {
    testing::write_script(directory_ / "script", "#!/bin/sh\n" + text);
    return directory_ / "script";
  }

  /// All that comes until the last writer is gone.
  static std::string read_to_end(int fd) {
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t count = 0; (count = ::read(fd, piece.data(), piece.size())) > 0;)
      all.append(piece.data(), static_cast<std::size_t>(count));
    return all;
  }

  /// Whether a program has, by the same number, what is open here as `fd`.
  bool passes(int fd, ChildProgram::Others others) {
    auto child = Child::start(
        {.path = script("[ -e /proc/self/fd/" + std::to_string(fd) + " ]"), .others = others});
    EXPECT_TRUE(child) << child.error().message();
    return child && child->reap().success();
  }

  TempDir directory_;
};

/// Puts `fd` into a standard place of this process, for as long as it lives.
class InPlace {
 public:
  InPlace(int fd, int place) : place_{place}, kept_{::fcntl(place, F_DUPFD_CLOEXEC, 3)} {
    EXPECT_EQ(::dup3(fd, place, O_CLOEXEC), place);
  }
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;
  InPlace(InPlace&&) = delete;
  InPlace& operator=(InPlace&&) = delete;
  ~InPlace() { ::dup2(kept_.get(), place_); }

 private:
  int place_;
  Fd kept_;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  Fd reader;
  Fd writer;
};

TEST_F(ChildTest, GivenPipes_WhenItRuns_ThenItIsFedAndReadFromMeanwhile) {
  Pipe in;
  Pipe out;
  Pipe err;
  auto child = Child::start({.path = script("read word; echo \"got $word\"; echo why >&2; exit 3"),
                             .input = in.reader.get(),
                             .output = out.writer.get(),
                             .error = err.writer.get()});
  ASSERT_TRUE(child) << child.error().message();
  out.writer.reset();
  err.writer.reset();

  ASSERT_EQ(::write(in.writer.get(), "this\n", 5), 5);

  EXPECT_EQ(read_to_end(out.reader.get()), "got this\n");
  EXPECT_EQ(read_to_end(err.reader.get()), "why\n");
  EXPECT_EQ(child->reap().describe(), "exit code 3");
}

TEST_F(ChildTest, GivenItsEnd_WhenPolledFor_ThenItIsToldAndTheSignalWithIt) {
  auto child = Child::start({.path = script("exec sleep 1000")});
  ASSERT_TRUE(child) << child.error().message();
  pollfd ended{child->ended(), POLLIN, 0};
  ASSERT_GE(ended.fd, 0);
  EXPECT_EQ(::poll(&ended, 1, 0), 0);

  ::kill(child->pid(), SIGTERM);

  EXPECT_EQ(::poll(&ended, 1, 60'000), 1);
  EXPECT_EQ(child->reap().describe(), "killed by signal 15 (Terminated)");
}

TEST_F(ChildTest, GivenAKernelWithoutPidfd_WhenAskedForItsEnd_ThenItIsToldAndStillToBeReaped) {
  const bool is_so = run_without(SYS_pidfd_open, [&] {
    Pipe in;
    auto child = Child::start({.path = script("read word; exit 3"), .input = in.reader.get()});
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_EQ(child->ended(), -1);
    EXPECT_FALSE(child->has_ended());

    in.writer.reset();
    siginfo_t end{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child->pid()), &end, WEXITED | WNOWAIT), 0);

    EXPECT_TRUE(child->has_ended());
    EXPECT_EQ(child->reap().describe(), "exit code 3");
    EXPECT_TRUE(child->has_ended());
  });
  if (!is_so) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(ChildTest, GivenOneThatNobodyReaps_WhenTheObjectGoes_ThenSoDoesIt) {
  pid_t pid = 0;
  {
    auto child = Child::start({.path = script("exec sleep 1000")});
    ASSERT_TRUE(child) << child.error().message();
    const Child moved{std::move(*child)};
    pid = moved.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(ChildTest, GivenOpenDescriptors_ThenThoseWithoutCloexecArePassedOnlyIfAskedFor) {
  const Fd open{::open("/dev/null", O_RDONLY)};
  const Fd closing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  EXPECT_TRUE(passes(open.get(), ChildProgram::Others::pass));
  EXPECT_FALSE(passes(closing.get(), ChildProgram::Others::pass));
  EXPECT_FALSE(passes(open.get(), ChildProgram::Others::close));
}

TEST_F(ChildTest, GivenAKernelWithoutCloseRange_ThenOpenDescriptorsAreNotPassedEither) {
  const Fd low{::open("/dev/null", O_RDONLY)};
  const Fd high{::fcntl(low.get(), F_DUPFD, 900)};
  ASSERT_GE(high.get(), 900);
  const bool is_so = run_without(SYS_close_range, [&] {
    EXPECT_TRUE(passes(high.get(), ChildProgram::Others::pass));
    EXPECT_FALSE(passes(low.get(), ChildProgram::Others::close));
    EXPECT_FALSE(passes(high.get(), ChildProgram::Others::close));
  });
  if (!is_so) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(ChildTest, GivenABlockedSignal_ThenItIsNotBlockedInTheProgram) {
  sigset_t term;
  sigset_t before;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  auto child = Child::start({.path = script("kill -15 $$; exit 3")});
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_EQ(child->reap().describe(), "killed by signal 15 (Terminated)");
}

TEST_F(ChildTest, GivenADescriptorInItsPlaceAlready_ThenTheProgramHasIt) {
  testing::write_text(directory_ / "words", "some words\n");
  const Fd words{::open((directory_ / "words").c_str(), O_RDONLY | O_CLOEXEC)};
  const InPlace input{words.get(), STDIN_FILENO};
  auto child = Child::start(
      {.path = script("read line && [ \"$line\" = 'some words' ]"), .input = STDIN_FILENO});
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_EQ(child->reap().describe(), "exit code 0");
}

TEST_F(ChildTest, GivenDescriptorsInThePlacesOfOthers_ThenEachComesIntoItsOwn) {
  Pipe out;
  Pipe err;
  const auto path = script("read word; echo \"out $word\"; echo why >&2");
  auto child = [&] {
    const InPlace zero{out.writer.get(), STDIN_FILENO};
    const InPlace one{err.writer.get(), STDOUT_FILENO};
    return Child::start({.path = path, .output = STDIN_FILENO, .error = STDOUT_FILENO});
  }();
  ASSERT_TRUE(child) << child.error().message();
  out.writer.reset();
  err.writer.reset();

  EXPECT_EQ(read_to_end(out.reader.get()), "out \n");
  EXPECT_EQ(read_to_end(err.reader.get()), "why\n");
  EXPECT_EQ(child->reap().describe(), "exit code 0");
}

TEST_F(ChildTest, GivenNoStandardInputAndOutput_WhenItCannotRun_ThenThatIsToldAllTheSame) {
  const Pipe out;
  const auto start = [&] {
    const InPlace zero{out.writer.get(), STDIN_FILENO};
    const InPlace one{out.writer.get(), STDOUT_FILENO};
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    return Child::start({.path = "/no/such/program", .output = out.writer.get()});
  };
  const auto child = start();
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().message(), HasSubstr("run /no/such/program"));
}

TEST_F(ChildTest, GivenATextWithoutInterpreter_ThenTheShellRunsIt) {
  testing::write_script(directory_ / "plain", "[ \"$1\" = word ] && exit 4\n");
  auto child = Child::start({.path = directory_ / "plain", .arguments = {"word"}});
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_EQ(child->reap().describe(), "exit code 4");
}

TEST_F(ChildTest, GivenAnInterpreterThatIsMissing_ThenItIsNamed) {
  testing::write_script(directory_ / "odd", "#!/no/such/shell\n");
  const auto child = Child::start({.path = directory_ / "odd"});
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().message(), HasSubstr("its interpreter '/no/such/shell' is missing"));
}

}  // namespace
}  // namespace patchbay::module
