#include "patchbay/changes.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/module_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::module {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::read_text;
using testing::snapshot;
using testing::TempDir;
using testing::write_text;

class ChangesTest : public ::testing::Test {
 protected:
  ChangesTest() {
    fs::create_directories(directory_ / "tree/tmp");
    fs::create_directories(system_);
    write_text(directory_ / "fresh", "new");
  }
  Changes begin() {
    auto changes = Changes::begin(context_);
    EXPECT_TRUE(changes);
    return std::move(*changes);
  }

  TempDir directory_;
  std::string system_ = directory_ / "system";
  Context context_{directory_ / "tree", -1};
};

TEST_F(ChangesTest, GivenManyChanges_WhenRolledBack_ThenAllAreTakenBackInReverse) {
  write_text(system_ + "/a", "old a");
  const auto before = snapshot(system_);
  auto changes = begin();
  ASSERT_TRUE(changes.make_directories(system_ + "/x/y"));
  ASSERT_TRUE(changes.replace_file(system_ + "/a", directory_ / "fresh", {}));
  ASSERT_TRUE(changes.replace_file(system_ + "/a", directory_ / "fresh", {}));
  ASSERT_TRUE(changes.replace_file(system_ + "/x/y/b", directory_ / "fresh", {}));
  ASSERT_TRUE(changes.complete());

  ASSERT_TRUE(Changes::roll_back(context_));

  EXPECT_EQ(snapshot(system_), before);
}

TEST_F(ChangesTest, GivenCompleteChanges_WhenCleanedUp_ThenOnlyTheNewStateIsThere) {
  write_text(system_ + "/a", "old a");
  auto changes = begin();
  ASSERT_TRUE(changes.replace_file(system_ + "/a", directory_ / "fresh", {}));
  ASSERT_TRUE(changes.complete());

  ASSERT_TRUE(Changes::clean_up(context_));
  ASSERT_TRUE(Changes::clean_up(context_));

  EXPECT_EQ(read_text(system_ + "/a"), "new");
  EXPECT_EQ(snapshot(system_).size(), 2U);
}

TEST_F(ChangesTest, GivenIncompleteChanges_WhenCleanedUp_ThenTheyAreTakenBack) {
  write_text(system_ + "/a", "old a");
  const auto before = snapshot(system_);
  ASSERT_TRUE(begin().replace_file(system_ + "/a", directory_ / "fresh", {}));

  ASSERT_TRUE(Changes::clean_up(context_));

  EXPECT_EQ(snapshot(system_), before);
}

TEST_F(ChangesTest, GivenFailure_WhenOrUndo_ThenTakenBackAndTheFailureReturned) {
  const auto before = snapshot(system_);
  auto changes = begin();
  ASSERT_TRUE(changes.replace_file(system_ + "/a", directory_ / "fresh", {}));

  const auto status = changes.or_undo(Error{"no luck"});

  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "no luck");
  EXPECT_EQ(snapshot(system_), before);
}

TEST_F(ChangesTest, GivenRollbackThatCannotBeDone_WhenCleanedUp_ThenBackupIsKeptAndNamed) {
  write_text(system_ + "/a", "old a");
  auto changes = begin();
  ASSERT_TRUE(changes.replace_file(system_ + "/a", directory_ / "fresh", {}));
  ASSERT_TRUE(changes.complete());
  fs::remove(system_ + "/a");
  write_text(system_ + "/a/in the way", "x");

  EXPECT_FALSE(Changes::roll_back(context_));
  const auto status = Changes::clean_up(context_);

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr(system_ + "/.patchbay-"));
  fs::remove_all(system_ + "/a");
  ASSERT_TRUE(Changes::clean_up(context_));
  EXPECT_EQ(read_text(system_ + "/a"), "old a");
}

TEST_F(ChangesTest, GivenRecordOfTheFuture_WhenRolledBack_ThenRefusedAndNothingRemoved) {
  write_text(directory_ / "tree/tmp/changes", "temporary\t" + system_ + "/a\nteleport\tx\n");
  write_text(system_ + "/a", "x");

  const auto status = Changes::roll_back(context_);

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("teleport"));
  EXPECT_EQ(read_text(system_ + "/a"), "x");
}

TEST_F(ChangesTest, GivenForeignFileThatAppearsWhereNoneWas_WhenInstallFails_ThenItStays) {
  write_text(directory_ / "tree/tmp/changes", "temporary\t" + system_ + "/.ours\nbring-in\t" +
                                                  system_ + "/.ours\t" + system_ + "/a\n");
  write_text(system_ + "/.ours", "never came to its place");
  write_text(system_ + "/a", "somebody else's");

  ASSERT_TRUE(Changes::roll_back(context_));

  EXPECT_EQ(read_text(system_ + "/a"), "somebody else's");
  EXPECT_FALSE(fs::exists(system_ + "/.ours"));
}

}  // namespace
}  // namespace patchbay::module
