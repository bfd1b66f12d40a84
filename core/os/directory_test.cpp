#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/os/beneath.hpp"
#include "core/os/file.hpp"
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

class DirectoryTest : public ::testing::Test {
 protected:
  TempDir dir_;
};

using MakeDirectories = DirectoryTest;

TEST_F(MakeDirectories, GivenMissingParents_WhenMade_ThenAllHaveTheExactMode) {
  const mode_t before = ::umask(0077);

  EXPECT_THAT(make_directories(dir_ / "a//b/c/", 0755), IsOk());
  ::umask(before);

  for (const char* name : {"a", "a/b", "a/b/c"}) {
    struct stat status {};
    ASSERT_EQ(::stat((dir_ / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755u) << name;
  }
}

TEST_F(MakeDirectories, GivenExistingDirectory_WhenMade_ThenItsModeStays) {
  ASSERT_EQ(::mkdir((dir_ / "a").c_str(), 0700), 0);

  EXPECT_THAT(make_directories(dir_ / "a", 0755), IsOk());

  struct stat status {};
  ASSERT_EQ(::stat((dir_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(MakeDirectories, GivenFileInTheWay_WhenMade_ThenItIsNamedAndStays) {
  write_text(dir_ / "a", "x");

  EXPECT_THAT(make_directories(dir_ / "a", 0755),
              FailsWith(ErrorCode::invalid_input, HasSubstr(dir_ / "a")));
  EXPECT_THAT(make_directories(dir_ / "a/b", 0755),
              FailsWith(ErrorCode::invalid_input, HasSubstr(dir_ / "a")));
  EXPECT_EQ(read_text(dir_ / "a"), "x");
}

using RemoveTree = DirectoryTest;

TEST_F(RemoveTree, GivenTree_WhenRemoved_ThenNothingIsLeft) {
  write_text(dir_ / "t/a/b/c", "x");
  write_text(dir_ / "t/a/d", "x");
  ASSERT_EQ(::mkdir((dir_ / "t/empty").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo((dir_ / "t/fifo").c_str(), 0600), 0);

  EXPECT_THAT(remove_tree(dir_ / "t/"), IsOk());

  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(IsEmpty()));
}

TEST_F(RemoveTree, GivenMissingPath_WhenRemoved_ThenSuccess) {
  EXPECT_THAT(remove_tree(dir_ / "none"), IsOk());
  EXPECT_THAT(remove_tree(dir_ / "none/deeper"), IsOk());
}

TEST_F(RemoveTree, GivenFile_WhenRemoved_ThenItIsGone) {
  write_text(dir_ / "f", "x");

  EXPECT_THAT(remove_tree(dir_ / "f"), IsOk());

  EXPECT_FALSE(exists(dir_ / "f"));
}

TEST_F(RemoveTree, GivenLinks_WhenRemoved_ThenTheirTargetsStay) {
  write_text(dir_ / "precious/file", "x");
  write_text(dir_ / "t/f", "x");
  ASSERT_EQ(::symlink("../precious", (dir_ / "t/link").c_str()), 0);
  ASSERT_EQ(::symlink("precious", (dir_ / "top").c_str()), 0);

  EXPECT_THAT(remove_tree(dir_ / "t"), IsOk());
  EXPECT_THAT(remove_tree(dir_ / "top/"), IsOk());

  EXPECT_THAT(list_directory(dir_.path()), IsOkAnd(ElementsAre("precious")));
  EXPECT_EQ(read_text(dir_ / "precious/file"), "x");
}

TEST_F(RemoveTree, GivenUnreadableDirectories_WhenRemoved_ThenTheyGoToo) {
  write_text(dir_ / "t/closed/inner/f", "x");
  write_text(dir_ / "t/read-only/f", "x");
  ASSERT_EQ(::chmod((dir_ / "t/closed/inner").c_str(), 0), 0);
  ASSERT_EQ(::chmod((dir_ / "t/closed").c_str(), 0), 0);
  ASSERT_EQ(::chmod((dir_ / "t/read-only").c_str(), 0500), 0);
  ASSERT_EQ(::chmod((dir_ / "t").c_str(), 0), 0);

  EXPECT_THAT(remove_tree(dir_ / "t"), IsOk());

  EXPECT_FALSE(exists(dir_ / "t"));
}

TEST_F(RemoveTree, GivenTreeDeeperThanTheDescriptorLimit_WhenRemoved_ThenItIsGone) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const std::string start = std::filesystem::current_path();
  ASSERT_EQ(::chdir(dir_.path().c_str()), 0);
  for (int depth = 0; depth < 3000; ++depth) {  // longer than any path may be
    ASSERT_EQ(::mkdir("level", 0755), 0);
    ASSERT_EQ(::chdir("level"), 0);
  }
  ASSERT_EQ(::chdir(start.c_str()), 0);
  const rlimit small{32, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);

  const auto removed = remove_tree(dir_ / "level");
  ::setrlimit(RLIMIT_NOFILE, &before);

  EXPECT_THAT(removed, IsOk());
  EXPECT_FALSE(exists(dir_ / "level"));
}

TEST_F(RemoveTree, GivenSomethingMountedInside_WhenRemoved_ThenItIsRefusedAndKept) {
  write_text(dir_ / "system/file", "precious");
  ASSERT_EQ(::mkdir((dir_ / "t").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir_ / "t/mnt").c_str(), 0755), 0);
  if (::mount((dir_ / "system").c_str(), (dir_ / "t/mnt").c_str(), nullptr, MS_BIND, nullptr) !=
      0) {
    GTEST_SKIP() << "mounting needs root";
  }

  EXPECT_THAT(remove_tree(dir_ / "t"), FailsWith(ErrorCode::conflict, HasSubstr("t/mnt")));

  ASSERT_EQ(::umount2((dir_ / "t/mnt").c_str(), 0), 0);
  EXPECT_EQ(read_text(dir_ / "system/file"), "precious");
  EXPECT_THAT(remove_tree(dir_ / "t"), IsOk());
}

TEST_F(RemoveTree, GivenRootOrNothing_WhenRemoved_ThenItIsRefused) {
  EXPECT_THAT(remove_tree("/"), FailsWith(ErrorCode::invalid_input, HasSubstr("/")));
  EXPECT_THAT(remove_tree(""), FailsWith(ErrorCode::invalid_input, HasSubstr("refuse")));
}

using ListDirectory = DirectoryTest;

TEST_F(ListDirectory, GivenEntries_WhenListed_ThenSortedByByte) {
  for (const char* name : {"b", "B", "a", ".hidden", "\xc3\xa4"})
    write_text(dir_ / name, "");

  EXPECT_THAT(list_directory(dir_.path()),
              IsOkAnd(ElementsAre(".hidden", "B", "a", "b", "\xc3\xa4")));
}

TEST_F(ListDirectory, GivenMissingOrFile_WhenListed_ThenItFails) {
  write_text(dir_ / "f", "");

  EXPECT_THAT(list_directory(dir_ / "none"), FailsWith(ErrorCode::not_found, HasSubstr("none")));
  EXPECT_THAT(list_directory(dir_ / "f"), FailsWith(ErrorCode::invalid_input, HasSubstr("f")));
}

struct BeneathCase {
  const char* name;
  const char* path;
  std::optional<ErrorCode> refused;
};

void PrintTo(const BeneathCase& row, std::ostream* out) {
  *out << row.name;
}

class OpenBeneath : public ::testing::TestWithParam<BeneathCase> {
 protected:
  void SetUp() override {
    write_text(dir_ / "outside", "secret");
    write_text(dir_ / "d/inside", "content");
    write_text(dir_ / "d/sub/file", "content");
    ASSERT_EQ(::symlink("../outside", (dir_ / "d/out").c_str()), 0);
    ASSERT_EQ(::symlink("inside", (dir_ / "d/in").c_str()), 0);
    ASSERT_EQ(::symlink("sub", (dir_ / "d/sublink").c_str()), 0);
    ASSERT_EQ(::symlink("/", (dir_ / "d/root").c_str()), 0);
  }
  TempDir dir_;
};

TEST_P(OpenBeneath, GivenName_WhenOpened_ThenOnlyWhatIsInsideOpens) {
  const auto directory = Directory::open(dir_ / "d");
  ASSERT_THAT(directory, IsOk());

  const auto file = directory->open_beneath(GetParam().path, O_RDONLY);

  if (!GetParam().refused) {
    EXPECT_THAT(file, IsOk());
  } else {
    EXPECT_THAT(file, FailsWith(*GetParam().refused, HasSubstr("d")));
  }
}

TEST_P(OpenBeneath, GivenKernelWithoutOpenat2_WhenOpened_ThenTheVerdictIsTheSame) {
  const auto directory = Directory::open(dir_ / "d");
  ASSERT_THAT(directory, IsOk());
  if (!check_beneath_name(GetParam().path)) return;

  const auto file = open_beneath_walking(directory->fd(), GetParam().path, O_RDONLY, 0);

  const int reason = errno;

  EXPECT_EQ(static_cast<bool>(file), !GetParam().refused);
  if (GetParam().refused == ErrorCode::denied) {
    EXPECT_EQ(reason, ELOOP);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, OpenBeneath,
    ::testing::Values(BeneathCase{"File", "inside", {}}, BeneathCase{"Deeper", "sub/file", {}},
                      BeneathCase{"DoubledSlash", "sub//file", {}},
                      BeneathCase{"Dot", "./sub/./file", {}}, BeneathCase{"Folder", "sub/", {}},
                      BeneathCase{"DotsInName", "..inside", ErrorCode::not_found},
                      BeneathCase{"Missing", "none", ErrorCode::not_found},
                      BeneathCase{"Empty", "", ErrorCode::denied},
                      BeneathCase{"Parent", "../outside", ErrorCode::denied},
                      BeneathCase{"ParentAlone", "..", ErrorCode::denied},
                      BeneathCase{"ParentInside", "sub/../inside", ErrorCode::denied},
                      BeneathCase{"ParentAtTheEnd", "sub/..", ErrorCode::denied},
                      BeneathCase{"Absolute", "/etc/passwd", ErrorCode::denied},
                      BeneathCase{"LinkOut", "out", ErrorCode::denied},
                      BeneathCase{"LinkInside", "in", ErrorCode::denied},
                      BeneathCase{"LinkOnTheWay", "sublink/file", ErrorCode::denied},
                      BeneathCase{"LinkToRoot", "root/etc/passwd", ErrorCode::denied}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(DirectoryTest, GivenCreation_WhenOpenedBeneath_ThenTheFileIsThere) {
  const auto directory = Directory::open(dir_.path());
  ASSERT_THAT(directory, IsOk());

  {
    const auto file = directory->open_beneath("new", O_WRONLY | O_CREAT | O_EXCL, 0640);
    ASSERT_THAT(file, IsOk());
    EXPECT_EQ(::fcntl(file->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_THAT(write_all(file->get(), as_bytes("x")), IsOk());
  }

  EXPECT_THAT(directory->sync(), IsOk());
  EXPECT_EQ(read_text(dir_ / "new"), "x");
}

TEST_F(DirectoryTest, GivenNulInName_WhenOpenedBeneath_ThenItIsDenied) {
  write_text(dir_ / "a", "x");
  const auto directory = Directory::open(dir_.path());
  ASSERT_THAT(directory, IsOk());

  EXPECT_THAT(directory->open_beneath(std::string{"a\0b", 3}, O_RDONLY),
              FailsWith(ErrorCode::denied, HasSubstr("NUL")));
}

TEST_F(DirectoryTest, GivenMissingOrFile_WhenOpenedAsDirectory_ThenItFails) {
  write_text(dir_ / "f", "x");

  EXPECT_FALSE(Directory::open(dir_ / "none"));
  EXPECT_FALSE(Directory::open(dir_ / "f"));
}

}  // namespace
}  // namespace patchbay::os
