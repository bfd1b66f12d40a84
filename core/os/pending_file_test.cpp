#include "core/os/pending_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <functional>
#include <thread>

#include "core/os/file.hpp"
#include "core/os/file_replacement.hpp"
#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::os {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAnd;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

/// From now on no file system has files without a name, for this thread.
bool refuse_files_without_name() {
  constexpr auto kFlags = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t) +
                          (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
  std::array<sock_filter, 7> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_TMPFILE),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_TMPFILE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool has_files_without_name(const std::string& directory) {
  return open_file(directory, O_RDWR | O_TMPFILE, 0600).has_value();
}

enum class FileSystem : bool { without_names, with_names };

class Pending : public ::testing::TestWithParam<FileSystem> {
 protected:
  /// Runs it where the file system is like the parameter.
  void there(const std::function<void()>& body) const {
    std::thread{[&] {
      const bool is_so = GetParam() == FileSystem::without_names || refuse_files_without_name();
      ASSERT_TRUE(is_so);
      body();
    }}.join();
  }
  Result<PendingFile> create(std::string_view content) const {
    PB_TRY(PendingFile file, PendingFile::create(dir_ / "f.tmp"));
    PB_CHECK(write_all(file.fd(), as_bytes(content)));
    return file;
  }

  TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Files, Pending,
                         ::testing::Values(FileSystem::without_names, FileSystem::with_names),
                         [](const auto& test) {
                           return test.param == FileSystem::with_names ? "WithNames"
                                                                       : "WithoutNames";
                         });

TEST_P(Pending, GivenFreeName_WhenPlaced_ThenItIsThereAndNothingElse) {
  there([&] {
    auto file = create("new");
    ASSERT_THAT(file, IsOk());
    EXPECT_THAT(file->place(dir_ / "f"), IsOk());
  });

  EXPECT_EQ(read_text(dir_ / "f"), "new");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("f")));
}

TEST_P(Pending, GivenOldFileAndALeftover_WhenPlaced_ThenOnlyTheNewFileIsThere) {
  write_text(dir_ / "f", "old");
  write_text(dir_ / "f.tmp", "half of the conte");

  there([&] {
    auto file = create("new");
    ASSERT_THAT(file, IsOk());
    EXPECT_EQ(read_text(dir_ / "f"), "old");
    EXPECT_THAT(file->place(dir_ / "f"), IsOk());
  });

  EXPECT_EQ(read_text(dir_ / "f"), "new");
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("f")));
}

TEST_P(Pending, GivenNameOfADirectory_WhenPlaced_ThenRefusedAndNothingIsLeft) {
  ASSERT_THAT(make_directories(dir_ / "f", 0700), IsOk());

  there([&] {
    auto file = create("new");
    ASSERT_THAT(file, IsOk());
    EXPECT_THAT(file->place(dir_ / "f"), FailsWith(ErrorCode::invalid_input, HasSubstr("f.tmp")));
  });

  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("f")));
}

TEST_P(Pending, GivenNoDirectory_WhenCreated_ThenNotFound) {
  there([&] {
    EXPECT_THAT(PendingFile::create(dir_ / "none/f.tmp"),
                FailsWith(ErrorCode::not_found, HasSubstr("none/f.tmp")));
  });
}

TEST_P(Pending, GivenContent_WhenReopened_ThenItIsReadFromTheBeginning) {
  there([&] {
    auto file = create("content");
    ASSERT_THAT(file, IsOk());
    auto again = file->reopen();
    ASSERT_THAT(again, IsOk());
    std::array<char, 7> bytes{};
    EXPECT_EQ(::read(again->get(), bytes.data(), bytes.size()), 7);
    EXPECT_EQ(std::string(bytes.data(), bytes.size()), "content");
  });
}

TEST_P(Pending, GivenFileThatIsNotPlaced_WhenItGoes_ThenNothingIsLeft) {
  there([&] {
    const auto file = create("half");
    EXPECT_EQ(exists(dir_ / "f.tmp"), !has_files_without_name(dir_.path()));
  });

  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(IsEmpty()));
}

TEST_P(Pending, GivenReplacement_WhenCommitted_ThenTheTargetOfTheLinkKeepsItsMode) {
  write_text(dir_ / "f", "old");
  ASSERT_EQ(::chmod((dir_ / "f").c_str(), 0640), 0);
  ASSERT_EQ(::symlink("f", (dir_ / "link").c_str()), 0);

  there([&] {
    auto out = FileReplacement::begin(dir_ / "link");
    ASSERT_THAT(out, IsOk());
    EXPECT_THAT(out->write(as_bytes("new content")), IsOk());
    EXPECT_THAT(out->fill_in(0, "NEW"), IsOk());
    EXPECT_THAT(out->commit(), IsOk());
  });

  EXPECT_EQ(read_text(dir_ / "f"), "NEW content");
  EXPECT_EQ(std::filesystem::status(dir_ / "f").permissions(), std::filesystem::perms{0640});
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ / "link"));
  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("f", "link")));
}

TEST(PendingFile, GivenFileSystemWithFilesWithoutName_WhenTheProcessIsKilled_ThenNothingIsLeft) {
  const TempDir dir;
  if (!has_files_without_name(dir.path())) GTEST_SKIP() << dir.path() << " is on another one";
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto out = FileReplacement::begin(dir / "f");
    const bool written = out && out->write(as_bytes("half"));
    (void)!::write(ready[1], written ? "x" : "-", 1);
    for (;;)
      ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);

  EXPECT_THAT(list_directory(dir.path()), IsOkAnd(IsEmpty()));
}

}  // namespace
}  // namespace patchbay::os
