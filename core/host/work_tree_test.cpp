#include "core/host/work_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::host {
namespace {

namespace fs = std::filesystem;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;

TreeContent content() {
  TreeContent content;
  content.current_artifact_name = "old-1";
  content.current_artifact_group = "stable";
  content.current_device_type = "board";
  content.artifact_name = "new-2";
  content.artifact_group = "beta";
  content.payload_type = "single-file";
  content.header_info = "{ \"z\":1,\n\"a\" : 2 }\n";
  content.type_info = "{\"type\":\"single-file\"}";
  content.meta_data = "{\"secret\": \"<&>\"}";
  return content;
}

TEST(WorkTree, GivenAnIndex_WhenNamed_ThenItIsWhereModulesExpectIt) {
  EXPECT_EQ(WorkTree("/data", 0).path(), "/data/modules/v3/payloads/0000/tree");
  EXPECT_EQ(WorkTree("/data/", 12).path(), "/data/modules/v3/payloads/0012/tree");
  EXPECT_EQ(WorkTree("/data", 12345).path(), "/data/modules/v3/payloads/12345/tree");
  EXPECT_EQ(WorkTree("relative", 0).path(),
            fs::current_path().string() + "/relative/modules/v3/payloads/0000/tree");
}

TEST(WorkTree, GivenContent_WhenCreated_ThenEveryFileHasItsExactBytes) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 0};

  ASSERT_THAT(tree.create(content()), IsOk());

  const auto file = [&](const std::string& name) { return read_text(tree.path() + "/" + name); };
  EXPECT_EQ(file("version"), "3\n");
  EXPECT_EQ(file("current_artifact_name"), "old-1\n");
  EXPECT_EQ(file("current_artifact_group"), "stable\n");
  EXPECT_EQ(file("current_device_type"), "board\n");
  EXPECT_EQ(file("header/artifact_name"), "new-2");
  EXPECT_EQ(file("header/artifact_group"), "beta");
  EXPECT_EQ(file("header/payload_type"), "single-file");
  EXPECT_EQ(file("header/header-info"), content().header_info);
  EXPECT_EQ(file("header/type-info"), content().type_info);
  EXPECT_EQ(file("header/meta-data"), content().meta_data);
  EXPECT_TRUE(fs::is_empty(tree.path() + "/tmp"));
  EXPECT_TRUE(tree.exists());
}

TEST(WorkTree, GivenNoGroupsAndNoMetaData_WhenCreated_ThenTheFilesAreEmptyOrNull) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 0};
  auto bare = content();
  bare.current_artifact_group.reset();
  bare.artifact_group.reset();
  bare.meta_data.clear();

  ASSERT_THAT(tree.create(bare), IsOk());

  EXPECT_EQ(read_text(tree.path() + "/current_artifact_group"), "");
  EXPECT_TRUE(fs::exists(tree.path() + "/current_artifact_group"));
  EXPECT_EQ(read_text(tree.path() + "/header/artifact_group"), "");
  EXPECT_TRUE(fs::exists(tree.path() + "/header/artifact_group"));
  EXPECT_EQ(read_text(tree.path() + "/header/meta-data"), "null");
}

TEST(WorkTree, GivenAnyUmask_WhenCreated_ThenNobodyElseCanRead) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 0};
  const auto before = ::umask(0);

  EXPECT_THAT(tree.create(content()), IsOk());

  ::umask(before);
  for (const auto& entry : fs::recursive_directory_iterator{directory / "data"}) {
    const auto expected = entry.is_directory() ? fs::perms{0700} : fs::perms{0600};
    EXPECT_EQ(entry.status().permissions(), expected) << entry.path();
  }
}

TEST(WorkTree, GivenATreeOfBefore_WhenCreatedAgain_ThenNothingOfItIsLeft) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 0};
  write_text(tree.path() + "/tmp/backup", "old");
  write_text(tree.path() + "/files/a", "old");
  write_text(tree.path() + "/../stray", "old");

  ASSERT_THAT(tree.create(content()), IsOk());

  EXPECT_TRUE(fs::is_empty(tree.path() + "/tmp"));
  EXPECT_FALSE(fs::exists(tree.path() + "/files"));
  EXPECT_FALSE(fs::exists(tree.path() + "/../stray"));
}

TEST(WorkTree, GivenALinkInItsPlace_WhenCreatedAndRemoved_ThenTheTargetIsSpared) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 0};
  write_text(directory / "precious/file", "keep");
  fs::create_directories(directory / "data/modules/v3/payloads");
  fs::create_directory_symlink(directory / "precious", directory / "data/modules/v3/payloads/0000");

  EXPECT_THAT(tree.create(content()), IsOk());
  EXPECT_THAT(tree.remove(), IsOk());

  EXPECT_EQ(read_text(directory / "precious/file"), "keep");
}

TEST(WorkTree, GivenATree_WhenRemoved_ThenItsNumberIsGoneAndAgainIsFine) {
  const TempDir directory;
  const WorkTree tree{directory / "data", 3};
  ASSERT_THAT(tree.create(content()), IsOk());

  EXPECT_THAT(tree.remove(), IsOk());
  EXPECT_THAT(tree.remove(), IsOk());

  EXPECT_FALSE(tree.exists());
  EXPECT_FALSE(fs::exists(directory / "data/modules/v3/payloads/0003"));
}

TEST(WorkTree, GivenSeveralTrees_WhenAllAreRemoved_ThenNoneIsLeft) {
  const TempDir directory;
  ASSERT_THAT(WorkTree(directory / "data", 0).create(content()), IsOk());
  ASSERT_THAT(WorkTree(directory / "data", 1).create(content()), IsOk());
  write_text(directory / "data/modules/v3/other", "keep");

  EXPECT_THAT(WorkTree::remove_all(directory / "data"), IsOk());
  EXPECT_THAT(WorkTree::remove_all(directory / "data"), IsOk());

  EXPECT_FALSE(WorkTree(directory / "data", 0).exists());
  EXPECT_FALSE(WorkTree(directory / "data", 1).exists());
  EXPECT_EQ(read_text(directory / "data/modules/v3/other"), "keep");
}

TEST(WorkTree, GivenAFileInTheWay_WhenCreated_ThenTheErrorNamesIt) {
  const TempDir directory;
  write_text(directory / "data/modules", "a file");

  EXPECT_THAT(
      WorkTree(directory / "data", 0).create(content()),
      FailsWith(ErrorCode::invalid_input, ::testing::HasSubstr(directory / "data/modules")));
}

}  // namespace
}  // namespace patchbay::host
