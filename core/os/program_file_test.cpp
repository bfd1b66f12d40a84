#include "core/os/program_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/os/file.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::os {
namespace {

using testing::IsOkAnd;
using testing::TempDir;
using testing::write_text;

/// A copy of this program that runs the tests of the filter, and what it has written.
class ProgramFileTest : public ::testing::Test {
 protected:
  static constexpr const char* kOutput = "PATCHBAY_TEST_PROGRAM_OUTPUT";

  Result<std::string> run_copy(const std::string& filter) {
    const std::string copy = directory_ / "program";
    std::filesystem::copy_file(std::filesystem::read_symlink("/proc/self/exe"), copy);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setenv(kOutput, (directory_ / "output").c_str(), 1);
      const std::string argument = "--gtest_filter=" + filter;
      ::execl(copy.c_str(), copy.c_str(), argument.c_str(), nullptr);
      ::_exit(1);
    }
    ::waitpid(pid, nullptr, 0);
    return read_file(directory_ / "output", 1000);
  }

  TempDir directory_;
};

TEST_F(ProgramFileTest, GivenThisProgram_WhenNobodyTouchesIt_ThenItIsNotReplaced) {
  EXPECT_FALSE(ProgramFile::current().value().is_replaced());
}

/// What the copy does, once it is gone.
void replace_itself(const ProgramFile& program, const std::string& output) {
  const std::string& path = program.path();
  ASSERT_FALSE(program.is_replaced()) << "gone is not replaced";
  write_text(path, "#!/bin/sh\necho \"$@\" > " + output + "\n");
  ::chmod(path.c_str(), 0755);
  ASSERT_TRUE(program.is_replaced());
  const Error failed = program.start();
  FAIL() << failed.message();
}

TEST_F(ProgramFileTest, GivenAnotherFileInItsPlace_WhenStarted_ThenThatRunsWithTheSameArguments) {
  if (const char* const output = ::getenv(kOutput)) {
    const auto program = ProgramFile::current().value();
    ASSERT_TRUE(std::filesystem::remove(program.path()));
    return replace_itself(program, output);
  }

  EXPECT_THAT(run_copy("ProgramFileTest.GivenAnotherFileInItsPlace_*"),
              IsOkAnd("--gtest_filter=ProgramFileTest.GivenAnotherFileInItsPlace_*\n"));
}

TEST_F(ProgramFileTest, GivenAFileThatIsGoneFromTheStart_WhenAnotherComes_ThenThatCanBeStarted) {
  if (const char* const output = ::getenv(kOutput)) {
    const std::string path = std::filesystem::read_symlink("/proc/self/exe");
    ASSERT_TRUE(std::filesystem::remove(path));
    const auto program = ProgramFile::current().value();
    ASSERT_EQ(program.path(), path);
    return replace_itself(program, output);
  }

  EXPECT_THAT(run_copy("ProgramFileTest.GivenAFileThatIsGone*"),
              IsOkAnd("--gtest_filter=ProgramFileTest.GivenAFileThatIsGone*\n"));
}

}  // namespace
}  // namespace patchbay::os
