#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "tests/support/module_tree.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Directory : public ::testing::Test {
 protected:
  Directory() {
    fs::create_directory(system_);
    write_text(source_ + "/file", "new");
    write_text(source_ + "/sub dir/inner", "new inner");
  }

  void pack(const std::string& options = "") {
    fs::create_directories(tree_ / "files");
    const auto made = shell("cd '" + source_ + "' && tar " + options + " -cf " +
                            (tree_ / "files/update.tar") + " .");
    ASSERT_EQ(made.exit_code, 0) << made.out;
  }
  void update(const std::string& destination) {
    pack();
    tree_.payload("dest_dir", destination + "\n");
  }
  void call(const std::string& state) {
    const auto result = tree_.call(state);
    ASSERT_EQ(result.exit_code, 0) << state << ": " << result.err;
  }
  void expect_refused(const std::string& message) {
    const auto before = snapshot(system_);

    const auto result = tree_.call("ArtifactInstall");

    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(snapshot(system_), before);
    call("ArtifactRollback");
    call("Cleanup");
    EXPECT_EQ(snapshot(system_), before);
  }

  TempDir directory_;
  std::string system_ = directory_ / "system";
  std::string target_ = system_ + "/app";
  std::string source_ = directory_ / "source";
  ModuleTree tree_{PATCHBAY_MODULE_PROGRAM, "directory"};
};

TEST_F(Directory, GivenExistingDirectory_WhenInstalledAndCommitted_ThenOnlyTheNewTreeIsThere) {
  write_text(target_ + "/old", "old");
  update(target_);

  call("ArtifactInstall");
  call("ArtifactCommit");
  call("Cleanup");

  EXPECT_EQ(read_text(target_ + "/file"), "new");
  EXPECT_EQ(read_text(target_ + "/sub dir/inner"), "new inner");
  EXPECT_FALSE(fs::exists(target_ + "/old"));
  EXPECT_EQ(std::distance(fs::directory_iterator{system_}, {}), 1);
}

TEST_F(Directory, GivenModeOwnerAndTimes_WhenInstalled_ThenTheyAreAsInTheArchive) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: giving files away needs root";
  ASSERT_EQ(shell("chown 4711:4712 " + source_ + "/file && chmod 4751 " + source_ +
                  "/file && touch -d @1000000000 " + source_ + "/file && chmod 2750 " + source_ +
                  " && setfattr -n user.colour -v green " + source_ +
                  "/file && setfacl -m u:77:r '" + source_ + "/sub dir/inner'")
                .exit_code,
            0);
  pack("--xattrs --acls");
  tree_.payload("dest_dir", target_ + "\n");

  call("ArtifactInstall");

  EXPECT_EQ(shell("stat -c '%a %u:%g %Y' " + target_ + "/file").out, "4751 4711:4712 1000000000\n");
  EXPECT_EQ(shell("stat -c '%a' " + target_).out, "2750\n");
  EXPECT_THAT(shell("getfattr -d " + target_ + "/file").out, HasSubstr("user.colour=\"green\""));
  EXPECT_THAT(shell("getfacl -n '" + target_ + "/sub dir/inner'").out, HasSubstr("user:77:r--"));
}

TEST_F(Directory, GivenArchiveWithoutEntryForItself_WhenInstalled_ThenDirectoryKeepsItsMode) {
  write_text(target_ + "/old", "old");
  ASSERT_EQ(::chmod(target_.c_str(), 0711), 0);
  fs::create_directories(tree_ / "files");
  ASSERT_EQ(
      shell("cd " + source_ + " && tar -cf " + (tree_ / "files/update.tar") + " file").exit_code,
      0);
  tree_.payload("dest_dir", target_ + "\n");

  call("ArtifactInstall");

  EXPECT_EQ(shell("stat -c %a " + target_).out, "711\n");
}

TEST_F(Directory, GivenQuestions_ThenAnswersAreExact) {
  EXPECT_EQ(tree_.call("SupportsRollback").out, "Yes\n");
  EXPECT_EQ(tree_.call("NeedsArtifactReboot").out, "No\n");
  EXPECT_EQ(tree_.call("SomethingOfTheFuture").out, "");
  EXPECT_THAT(tree_.call("Describe").out,
              AllOf(HasSubstr(R"("type":"directory")"), HasSubstr(R"("rollback":"yes")")));
}

TEST_F(Directory, GivenPlan_ThenSaysWhatWillHappen) {
  EXPECT_THAT(tree_.call("Plan").out, HasSubstr("replace one directory"));
  update(target_);

  EXPECT_EQ(tree_.call("Plan").out,
            "create " + target_ + " (4 entries, 12 B), rollback possible\n");
  EXPECT_FALSE(fs::exists(target_));
}

// ---- what the older module of this name gets wrong ----

TEST_F(Directory, GivenNoSpace_WhenInstalled_ThenFailsBeforeAnythingIsTouched) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  ASSERT_EQ(::mount("tmpfs", system_.c_str(), "tmpfs", 0, "size=128k"), 0);
  write_text(target_ + "/old", "old");
  write_text(source_ + "/big", std::string(200'000, 'x'));
  update(target_);

  expect_refused("no space on the file system of " + target_);

  ::umount(system_.c_str());
}

TEST_F(Directory, GivenMountPoint_WhenRolledBack_ThenContentIsAsBefore) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  fs::create_directory(target_);
  ASSERT_EQ(::mount("tmpfs", target_.c_str(), "tmpfs", 0, "size=1m"), 0);
  write_text(target_ + "/old/deep", "old");
  write_text(target_ + "/file", "old");
  const auto before = snapshot(system_);
  update(target_);

  call("ArtifactInstall");
  EXPECT_EQ(read_text(target_ + "/file"), "new");
  EXPECT_FALSE(fs::exists(target_ + "/old"));
  call("ArtifactRollback");

  EXPECT_EQ(snapshot(system_), before);
  ::umount(target_.c_str());
}

TEST_F(Directory, GivenMountBelow_ThenRefused) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  const auto inner = target_ + "/a b";
  fs::create_directories(inner);
  ASSERT_EQ(::mount("tmpfs", inner.c_str(), "tmpfs", 0, "size=64k"), 0);
  write_text(inner + "/precious", "stay");
  update(target_);

  expect_refused("has a file system mounted below it, at " + inner);

  EXPECT_EQ(read_text(inner + "/precious"), "stay");
  ::umount(inner.c_str());
}

struct OddName {
  std::string name;
  std::string text;
};
class DirectoryOddNames : public Directory, public ::testing::WithParamInterface<OddName> {};

TEST_P(DirectoryOddNames, GivenOddName_WhenInstalledAndRolledBack_ThenWorksLikeAnyOther) {
  const auto odd = system_ + "/" + GetParam().text;
  write_text(odd + "/old", "old");
  write_text(source_ + "/" + GetParam().text, "odd");
  const auto before = snapshot(system_);
  update(odd);

  call("ArtifactInstall");
  EXPECT_EQ(read_text(odd + "/" + GetParam().text), "odd");
  call("ArtifactRollback");
  call("Cleanup");

  EXPECT_EQ(snapshot(system_), before);
}

INSTANTIATE_TEST_SUITE_P(All, DirectoryOddNames,
                         ::testing::Values(OddName{"Blanks", " a  b "}, OddName{"Newline", "a\nb"},
                                           OddName{"Tab", "a\tb"}, OddName{"Quotes", "a'b\"c`d"},
                                           OddName{"Dollar", "$HOME"}, OddName{"Star", "*"},
                                           OddName{"Dash", "-rf"}, OddName{"Backslash", "a\\nb"},
                                           OddName{"Unicode", "gr\xc3\xbc\xc3\x9f\x65"},
                                           OddName{"Decomposed", "u\xcc\x88"},
                                           OddName{"NotUtf8", "\xff\xfe"}),
                         [](const auto& test) { return test.param.name; });

TEST_F(Directory, GivenLinkToADirectory_WhenInstalled_ThenLinkStaysAndTheDirectoryIsReplaced) {
  write_text(system_ + "/data/old", "old");
  fs::create_symlink("data", target_);
  update(target_);

  call("ArtifactInstall");

  EXPECT_TRUE(fs::is_symlink(target_));
  EXPECT_EQ(read_text(system_ + "/data/file"), "new");
}

TEST_F(Directory, GivenDirectoryThatDidNotExist_WhenRolledBack_ThenNothingIsLeft) {
  const auto before = snapshot(system_);
  update(system_ + "/opt/app");

  call("ArtifactInstall");
  call("ArtifactRollback");

  EXPECT_EQ(snapshot(system_), before);
}

TEST_F(Directory, GivenSocketsLinksAndHoles_WhenRolledBack_ThenTheyAreAsBefore) {
  write_text(target_ + "/one", "old");
  fs::create_hard_link(target_ + "/one", target_ + "/two");
  ASSERT_EQ(::mkfifo((target_ + "/pipe").c_str(), 0640), 0);
  ASSERT_EQ(shell("truncate -s 1M " + target_ + "/hole").exit_code, 0);
  const auto before = snapshot(system_);
  update(target_);

  call("ArtifactInstall");
  call("ArtifactRollback");
  call("ArtifactRollback");
  call("Cleanup");
  call("Cleanup");

  EXPECT_EQ(snapshot(system_), before);
  EXPECT_TRUE(fs::equivalent(target_ + "/one", target_ + "/two"));
}

TEST_F(Directory, GivenNothingInstalled_WhenRolledBackAndCleanedUp_ThenNothingHappens) {
  write_text(target_ + "/old", "old");
  const auto before = snapshot(system_);

  call("ArtifactRollback");
  call("ArtifactFailure");
  call("Cleanup");

  EXPECT_EQ(snapshot(system_), before);
}

TEST_F(Directory, GivenInstallTwice_WhenRolledBack_ThenTheFirstTreeIsBack) {
  write_text(target_ + "/old", "old");
  const auto before = snapshot(system_);
  update(target_);

  call("ArtifactInstall");
  call("ArtifactInstall");
  call("ArtifactRollback");

  EXPECT_EQ(snapshot(system_), before);
}

// ---- destinations that cannot be meant ----

struct BadDestination {
  std::string name;
  std::string text;
  std::string message;
};
class DirectoryBadDestination : public Directory,
                                public ::testing::WithParamInterface<BadDestination> {};

TEST_P(DirectoryBadDestination, GivenBadDestination_WhenInstalled_ThenRefused) {
  update(GetParam().text);

  expect_refused(GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, DirectoryBadDestination,
    ::testing::Values(BadDestination{"Root", "/", "is the root directory"},
                      BadDestination{"RootTwice", "//", "is the root directory"},
                      BadDestination{"RootDot", "/.", "is the root directory"},
                      BadDestination{"RootByDotDot", "/usr/..", "contains '..'"},
                      BadDestination{"RootByLink", "/proc/self/root", "is the root directory"},
                      BadDestination{"Relative", "srv/app", "is not an absolute path"},
                      BadDestination{"Empty", "", "dest_dir is empty"},
                      BadDestination{"Nul", std::string{"/srv\0/x", 7}, "contains a NUL byte"},
                      BadDestination{"File", "/etc/passwd", "is not a directory"},
                      BadDestination{"BelowFile", "/etc/passwd/x", "Not a directory"}),
    [](const auto& test) { return test.param.name; });

TEST_F(Directory, GivenLinkThatLeadsNowhere_ThenRefused) {
  fs::create_symlink("nowhere", target_);
  update(target_);

  expect_refused("is a symbolic link that leads nowhere");
}

TEST_F(Directory, GivenDestinationThatHoldsTheWorkTree_ThenRefused) {
  update(fs::path{tree_.path()}.parent_path().string());

  expect_refused("because the update itself works in");
}

TEST_F(Directory, GivenDestinationInTheWorkTree_ThenRefused) {
  update(tree_ / "tmp/x");

  expect_refused("because the update itself works in");
}

}  // namespace
}  // namespace patchbay::testing
