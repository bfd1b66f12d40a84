#include "core/os/file.hpp"

#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::os {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAnd;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

constexpr uid_t kNobody = 65534;

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

class FileTest : public ::testing::Test {
 protected:
  TempDir dir_;
};

using ReplaceFile = FileTest;

TEST_F(ReplaceFile, GivenOldContent_WhenReplaced_ThenOnlyTheNewIsThere) {
  write_text(dir_ / "state", "old");

  EXPECT_THAT(replace_file(dir_ / "state", as_bytes("new"), 0644), IsOk());

  EXPECT_EQ(read_text(dir_ / "state"), "new");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("state")));
}

TEST_F(ReplaceFile, GivenNoFile_WhenReplaced_ThenItIsCreated) {
  EXPECT_THAT(replace_file(dir_ / "state", {}, 0600), IsOk());

  EXPECT_EQ(read_text(dir_ / "state"), "");
  EXPECT_EQ(mode_of(dir_ / "state"), 0600u);
}

TEST_F(ReplaceFile, GivenTightUmask_WhenReplaced_ThenTheModeIsExact) {
  const mode_t before = ::umask(0077);

  EXPECT_THAT(replace_file(dir_ / "state", as_bytes("x"), 0664), IsOk());
  ::umask(before);

  EXPECT_EQ(mode_of(dir_ / "state"), 0664u);
}

TEST_F(ReplaceFile, GivenRelativePath_WhenReplaced_ThenItIsInTheWorkingDirectory) {
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(dir_.path());

  EXPECT_THAT(replace_file("state", as_bytes("x"), 0644), IsOk());
  std::filesystem::current_path(before);

  EXPECT_EQ(read_text(dir_ / "state"), "x");
}

TEST_F(ReplaceFile, GivenLeftoverOfAKilledWriter_WhenReplaced_ThenItIsGone) {
  write_text(dir_ / ".state.patchbay-tmp", "half of the conte");

  EXPECT_THAT(replace_file(dir_ / "state", as_bytes("new"), 0644), IsOk());

  EXPECT_EQ(read_text(dir_ / "state"), "new");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("state")));
}

TEST_F(ReplaceFile, GivenLinksUnderTheTemporaryName_WhenReplaced_ThenTheyAreNotWrittenThrough) {
  write_text(dir_ / "precious", "precious");
  ASSERT_EQ(::symlink("precious", (dir_ / ".a.patchbay-tmp").c_str()), 0);
  ASSERT_EQ(::link((dir_ / "precious").c_str(), (dir_ / ".b.patchbay-tmp").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / ".c.patchbay-tmp").c_str(), 0600), 0);

  for (const char* name : {"a", "b", "c"}) {
    EXPECT_THAT(replace_file(dir_ / name, as_bytes("new"), 0644), IsOk());
    EXPECT_EQ(read_text(dir_ / name), "new");
  }

  EXPECT_EQ(read_text(dir_ / "precious"), "precious");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("a", "b", "c", "precious")));
}

TEST_F(ReplaceFile, GivenMissingDirectory_WhenReplaced_ThenThePathIsNamed) {
  EXPECT_THAT(replace_file(dir_ / "none/state", {}, 0644),
              FailsWith(ErrorCode::not_found, HasSubstr(dir_ / "none/state")));
}

TEST_F(ReplaceFile, GivenDirectoryInItsPlace_WhenReplaced_ThenItStaysAndNothingIsLeft) {
  write_text(dir_ / "state/inner", "x");

  EXPECT_FALSE(replace_file(dir_ / "state", as_bytes("new"), 0644));

  EXPECT_EQ(read_text(dir_ / "state/inner"), "x");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("state")));
}

TEST_F(ReplaceFile, GivenUnwritableDirectory_WhenReplaced_ThenOldContentStays) {
  write_text(dir_ / "d/state", "old");
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((dir_ / "d").c_str(), 0555), 0);
  ::setfsuid(kNobody);  // root may write everywhere; for others this changes nothing

  const auto replaced = replace_file(dir_ / "d/state", as_bytes("new"), 0644);
  ::setfsuid(::geteuid());

  EXPECT_THAT(replaced, FailsWith(ErrorCode::denied, HasSubstr("state")));
  EXPECT_EQ(read_text(dir_ / "d/state"), "old");
  EXPECT_THAT(list_directory(dir_ / "d"), IsOkAnd(ElementsAre("state")));
  ::chmod((dir_ / "d").c_str(), 0700);
}

TEST_F(ReplaceFile, GivenFullFileSystem_WhenReplaced_ThenOldContentStaysAndNothingIsLeft) {
  if (::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, "size=32k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  write_text(dir_ / "state", "old");
  const std::string large(100'000, 'x');

  EXPECT_THAT(replace_file(dir_ / "state", as_bytes(large), 0644),
              FailsWith(ErrorCode::no_space, HasSubstr("state")));

  EXPECT_EQ(read_text(dir_ / "state"), "old");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("state")));
  EXPECT_THAT(free_space(dir_.path()), IsOkAnd(::testing::Le(32u * 1024)));
  EXPECT_EQ(::umount2(dir_.path().c_str(), MNT_DETACH), 0);
}

using ReadFile = FileTest;

TEST_F(ReadFile, GivenContentAtTheLimit_WhenRead_ThenItIsWhole) {
  write_text(dir_ / "f", std::string(70'000, 'x'));

  EXPECT_THAT(read_file(dir_ / "f", 70'000), IsOkAnd(std::string(70'000, 'x')));
}

TEST_F(ReadFile, GivenContentBeyondTheLimit_WhenRead_ThenItIsRefused) {
  write_text(dir_ / "f", std::string(70'001, 'x'));

  EXPECT_THAT(read_file(dir_ / "f", 70'000),
              FailsWith(ErrorCode::invalid_input, HasSubstr(dir_ / "f")));
}

TEST_F(ReadFile, GivenEndlessFile_WhenRead_ThenTheLimitHolds) {
  EXPECT_THAT(read_file("/dev/zero", 4096),
              FailsWith(ErrorCode::invalid_input, HasSubstr("4.0 KiB")));
}

TEST_F(ReadFile, GivenFileWithoutSize_WhenRead_ThenItIsWhole) {
  EXPECT_THAT(read_file("/proc/self/status", 65536), IsOkAnd(HasSubstr("Pid:")));
}

TEST_F(ReadFile, GivenMissingFileOrDirectory_WhenRead_ThenThePathIsNamed) {
  EXPECT_THAT(read_file(dir_ / "none", 10), FailsWith(ErrorCode::not_found, HasSubstr("none")));
  EXPECT_THAT(read_file(dir_.path(), 10),
              FailsWith(ErrorCode::invalid_input, HasSubstr(dir_.path())));
}

TEST_F(ReadFile, GivenEmptyFile_WhenReadWithNoRoom_ThenItIsEmpty) {
  write_text(dir_ / "f", "");

  EXPECT_THAT(read_file(dir_ / "f", 0), IsOkAnd(""));
}

TEST(WriteAll, GivenFullDevice_WhenWritten_ThenNoSpace) {
  const auto full = open_file("/dev/full", O_WRONLY);
  ASSERT_THAT(full, IsOk());

  EXPECT_THAT(write_all(full->get(), as_bytes("x")), FailsWith(ErrorCode::no_space, HasSubstr("")));
}

TEST(OpenFile, GivenAnyFlags_WhenOpened_ThenTheDescriptorIsCloseOnExec) {
  const auto file = open_file("/dev/null", O_RDONLY);

  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(::fcntl(file->get(), F_GETFD), FD_CLOEXEC);
}

struct JoinCase {
  const char* directory;
  const char* name;
  const char* path;
};

TEST(Join, GivenSlashesOrNone_WhenJoined_ThenThereIsExactlyOne) {
  for (const auto& [directory, name, path] :
       {JoinCase{"a", "b", "a/b"}, JoinCase{"a/", "b", "a/b"}, JoinCase{"a", "/b", "a/b"},
        JoinCase{"a//", "//b", "a/b"}, JoinCase{"/", "b", "/b"}, JoinCase{"", "b", "b"}}) {
    EXPECT_EQ(join(directory, name), path);
  }
}

TEST_F(FileTest, GivenDanglingLink_WhenAskedWhetherItExists_ThenYes) {
  ASSERT_EQ(::symlink("gone", (dir_ / "link").c_str()), 0);

  EXPECT_TRUE(exists(dir_ / "link"));
  EXPECT_FALSE(exists(dir_ / "gone"));
}

TEST_F(FileTest, GivenMissingPath_WhenFreeSpaceIsAsked_ThenNotFound) {
  EXPECT_THAT(free_space(dir_ / "none"), FailsWith(ErrorCode::not_found, HasSubstr("none")));
}

using Lock = FileTest;

TEST_F(Lock, GivenHeldLock_WhenAcquired_ThenTheHolderIsNamed) {
  const auto held = FileLock::acquire(dir_ / "lock", "patchbay install, process 123");
  ASSERT_THAT(held, IsOk());

  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "another"),
              FailsWith(ErrorCode::conflict,
                        AllOf(HasSubstr(dir_ / "lock"), HasSubstr("install, process 123"))));
  EXPECT_EQ(mode_of(dir_ / "lock"), 0600u);
}

TEST_F(Lock, GivenLock_WhenAskedWhoHasIt_ThenOnlyAHolderIsNamed) {
  EXPECT_THAT(FileLock::holder(dir_ / "lock"), IsOkAnd(std::nullopt));
  {
    const auto held = FileLock::acquire(dir_ / "lock", "patchbay install, process 123");
    EXPECT_THAT(FileLock::holder(dir_ / "lock"), IsOkAnd("patchbay install, process 123"));
  }
  EXPECT_THAT(FileLock::holder(dir_ / "lock"), IsOkAnd(std::nullopt));
}

TEST_F(Lock, GivenSomebodyWhoLooks_WhenAcquired_ThenTheLookIsWaitedOut) {
  { EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"), IsOk()); }
  UniqueFd look = *open_file(dir_ / "lock", O_RDONLY);
  ASSERT_EQ(::flock(look.get(), LOCK_SH), 0);
  std::thread ends{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    look.reset();
  }};

  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"), IsOk());

  ends.join();
}

TEST_F(Lock, GivenLongerTextOfAnEarlierHolder_WhenHeldAgain_ThenOnlyTheNewOneIsNamed) {
  { EXPECT_THAT(FileLock::acquire(dir_ / "lock", "a very long name of a holder"), IsOk()); }
  const auto held = FileLock::acquire(dir_ / "lock", "short");

  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"),
              FailsWith(ErrorCode::conflict, ::testing::EndsWith("held by short")));
}

TEST_F(Lock, GivenMovedLock_WhenTheFirstOwnerIsGone_ThenItIsStillHeld) {
  std::optional<FileLock> kept;
  {
    auto held = FileLock::acquire(dir_ / "lock", "mover");
    ASSERT_THAT(held, IsOk());
    kept.emplace(*std::move(held));
  }

  EXPECT_FALSE(FileLock::acquire(dir_ / "lock", "x"));
  kept.reset();
  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"), IsOk());
}

TEST_F(Lock, GivenHolderDies_WhenAcquired_ThenItIsFree) {
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = FileLock::acquire(dir_ / "lock", "doomed");
    (void)!::write(ready[1], held ? "x" : "-", 1);
    for (;;)
      ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"),
              FailsWith(ErrorCode::conflict, HasSubstr("doomed")));

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);

  EXPECT_THAT(FileLock::acquire(dir_ / "lock", "x"), IsOk());
}

TEST_F(Lock, GivenMissingDirectoryOrLink_WhenAcquired_ThenItFails) {
  ASSERT_EQ(::symlink("target", (dir_ / "link").c_str()), 0);

  EXPECT_THAT(FileLock::acquire(dir_ / "none/lock", "x"),
              FailsWith(ErrorCode::not_found, HasSubstr("none/lock")));
  EXPECT_FALSE(FileLock::acquire(dir_ / "link", "x"));
}

using Source = FileTest;

std::string drain(FdSource& source) {
  std::string all;
  std::array<std::byte, 7> buffer{};
  for (;;) {
    const auto got = source.read(buffer);
    EXPECT_THAT(got, IsOk());
    if (!got || *got == 0) return all;
    all += as_text({buffer.data(), *got});
  }
}

TEST_F(Source, GivenFile_WhenRead_ThenBytesAndSizeAreThere) {
  write_text(dir_ / "f", "some twenty bytes...");
  FdSource source{*open_file(dir_ / "f", O_RDONLY), "f"};

  EXPECT_EQ(source.size(), 20u);
  EXPECT_EQ(drain(source), "some twenty bytes...");
}

TEST_F(Source, GivenPipe_WhenRead_ThenBytesComeAndSizeIsUnknown) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  FdSource source{UniqueFd{ends[0]}, "pipe"};
  ASSERT_EQ(::write(ends[1], "through the pipe", 16), 16);
  ::close(ends[1]);

  EXPECT_EQ(source.size(), std::nullopt);
  EXPECT_EQ(drain(source), "through the pipe");
}

TEST_F(Source, GivenFile_WhenSkipped_ThenReadingGoesOnBehindIt) {
  write_text(dir_ / "f", "some twenty bytes...");
  FdSource source{*open_file(dir_ / "f", O_RDONLY), "f"};

  ASSERT_THAT(source.skip(5), IsOk());
  ASSERT_THAT(source.skip(0), IsOk());

  EXPECT_EQ(drain(source), "twenty bytes...");
  EXPECT_THAT(source.skip(3),
              FailsWith(ErrorCode::invalid_input, HasSubstr("f: truncated: it ends 3 bytes")));
}

TEST_F(Source, GivenPipe_WhenSkipped_ThenReadingGoesOnBehindIt) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  FdSource source{UniqueFd{ends[0]}, "pipe"};
  ASSERT_EQ(::write(ends[1], "through the pipe", 16), 16);
  ::close(ends[1]);

  ASSERT_THAT(source.skip(8), IsOk());

  EXPECT_EQ(drain(source), "the pipe");
  EXPECT_THAT(source.skip(1), FailsWith(ErrorCode::invalid_input, HasSubstr("truncated")));
}

TEST_F(Source, GivenDirectory_WhenRead_ThenTheErrorNamesIt) {
  FdSource source{*open_file(dir_.path(), O_RDONLY), "update.mender"};
  std::array<std::byte, 7> buffer{};

  EXPECT_THAT(source.read(buffer), FailsWith(ErrorCode::invalid_input, HasSubstr("update.mender")));
  EXPECT_EQ(source.size(), std::nullopt);
}

}  // namespace
}  // namespace patchbay::os
