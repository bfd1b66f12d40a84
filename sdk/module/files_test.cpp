#include "patchbay/files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::read_text;
using testing::TempDir;
using testing::write_text;

TEST(ReplaceFile, GivenOldFile_ThenContentIsNewAndModeIsKept) {
  const TempDir directory;
  write_text(directory / "state", "old");
  ::chmod((directory / "state").c_str(), 0640);

  ASSERT_TRUE(replace_file(directory / "state", "new", 0600));

  EXPECT_EQ(read_text(directory / "state"), "new");
  EXPECT_EQ(fs::status(directory / "state").permissions(), fs::perms{0640});
  EXPECT_THAT(*list_directory(directory.path()), ElementsAre("state"));
}

TEST(NewFile, GivenPieces_WhenWritten_ThenTheyStandInOrderAndAreCounted) {
  const TempDir directory;
  auto file = NewFile::create(directory / "image");
  ASSERT_TRUE(file);

  ASSERT_TRUE(file->write("first "));
  ASSERT_TRUE(file->write(""));
  ASSERT_TRUE(file->write("second"));

  EXPECT_TRUE(file->sync());
  EXPECT_EQ(file->size(), 12U);
  EXPECT_EQ(read_text(directory / "image"), "first second");
  EXPECT_EQ(fs::status(directory / "image").permissions(), fs::perms{0600});
}

TEST(NewFile, GivenSomethingThere_WhenCreated_ThenItIsLeftAlone) {
  const TempDir directory;
  write_text(directory / "image", "precious");

  EXPECT_FALSE(NewFile::create(directory / "image"));

  EXPECT_EQ(read_text(directory / "image"), "precious");
}

TEST(ReplaceFile, GivenNoDirectory_ThenFailsAndNamesIt) {
  const auto status = replace_file("/nonexistent/state", "x", 0600);

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("/nonexistent/"));
}

TEST(CopyFile, GivenTarget_WhenItExists_ThenItIsNotTouched) {
  const TempDir directory;
  write_text(directory / "a", "a");
  write_text(directory / "b", "b");
  FileAttributes attributes;
  attributes.owner = ::geteuid();
  attributes.group = ::getegid();

  const auto status = copy_file(directory / "a", directory / "b", attributes, Times::now);

  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().error_number(), EEXIST);
  EXPECT_EQ(read_text(directory / "b"), "b");
}

TEST(CopyFile, GivenFileThatCannotBeReadInTheKernel_ThenCopiedByHand) {
  const TempDir directory;
  FileAttributes attributes;
  attributes.owner = ::geteuid();
  attributes.group = ::getegid();

  ASSERT_TRUE(copy_file("/proc/version", directory / "copy", attributes, Times::now));

  EXPECT_EQ(read_text(directory / "copy"), read_text("/proc/version"));
}

TEST(CopyFile, GivenAttributes_WhenCopied_ThenAllOfThemArrive) {
  const TempDir directory;
  write_text(directory / "a", "a");
  ::chmod((directory / "a").c_str(), 0615);
  if (::setxattr((directory / "a").c_str(), "user.colour", "green", 5, 0) != 0)
    GTEST_SKIP() << "NOT TESTED: no extended attributes here";
  const timespec times[2] = {{1000000000, 5}, {1000000001, 7}};
  ::utimensat(AT_FDCWD, (directory / "a").c_str(), times, 0);
  const int fd = ::open((directory / "a").c_str(), O_RDONLY | O_CLOEXEC);
  const auto attributes = read_attributes(fd, "a");
  ::close(fd);
  ASSERT_TRUE(attributes);

  ASSERT_TRUE(copy_file(directory / "a", directory / "b", *attributes, Times::keep));

  struct stat info {};
  ASSERT_EQ(::stat((directory / "b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0615U);
  EXPECT_EQ(info.st_mtim.tv_nsec, 7);
  char value[8];
  EXPECT_EQ(::getxattr((directory / "b").c_str(), "user.colour", value, sizeof value), 5);
}

TEST(RemoveTree, GivenLinksAndLockedDirectories_ThenOnlyTheTreeGoes) {
  const TempDir directory;
  write_text(directory / "precious/file", "stay");
  write_text(directory / "tree/locked/file", "go");
  fs::create_directory_symlink(directory / "precious", directory / "tree/link");
  ::chmod((directory / "tree/locked").c_str(), 0500);

  ASSERT_TRUE(remove_tree(directory / "tree"));
  ASSERT_TRUE(remove_tree(directory / "tree"));

  EXPECT_THAT(*list_directory(directory.path()), ElementsAre("precious"));
  EXPECT_EQ(read_text(directory / "precious/file"), "stay");
}

TEST(FreeSpace, GivenMoreThanThereIs_ThenSaysBoth) {
  EXPECT_TRUE(require_free_space("/tmp/not/there/yet", 1, 1));

  const auto status = require_free_space("/tmp", 1ULL << 60U, 1);

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("needed"));
}

TEST(ReadFile, GivenLimit_ThenExactSizeIsFineAndOneMoreIsNot) {
  const TempDir directory;
  write_text(directory / "f", "12345");

  EXPECT_EQ(*read_file(directory / "f", 5), "12345");
  EXPECT_FALSE(read_file(directory / "f", 4));
  EXPECT_FALSE(read_file(directory.path(), 4));
}

}  // namespace
}  // namespace patchbay::module
