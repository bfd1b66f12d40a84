#include "core/host/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/result_matchers.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::host {
namespace {

namespace fs = std::filesystem;
using patchbay::testing::FailsWith;
using patchbay::testing::TempDir;
using patchbay::testing::write_script;
using patchbay::testing::write_text;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Two module directories, as careful as they have to be.
class Discovery : public ::testing::Test {
 protected:
  Discovery() {
    for (const auto& path : both()) {
      fs::create_directories(path);
      fs::permissions(path, fs::perms{0755});
    }
  }
  [[nodiscard]] std::vector<std::string> both() const { return {root / "first", root / "second"}; }
  void add(const std::string& name) const { write_script(root / name, "#!/bin/sh\n"); }
  void add_file(const std::string& name) const {
    write_text(root / name, "text");
    fs::permissions(root / name, fs::perms{0644});
  }

  TempDir root;
};

TEST_F(Discovery, GivenAModule_WhenLookedUp_ThenItsAbsolutePathIsFound) {
  add("second/app");

  const auto found = find_module("app", both());

  ASSERT_TRUE(found);
  EXPECT_EQ(found->type, "app");
  EXPECT_EQ(found->path, root / "second/app");
  EXPECT_EQ(found->binding, Binding::executable);
}

TEST_F(Discovery, GivenTwoOfAType_WhenLookedUp_ThenTheFirstDirectoryWins) {
  add("first/app");
  add("second/app");

  EXPECT_EQ(find_module("app", both()).value().path, root / "first/app");
}

TEST_F(Discovery, GivenAPlugin_WhenLookedUp_ThenItIsFoundByItsType) {
  add_file("first/app.so");

  const auto found = find_module("app", both());

  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, root / "first/app.so");
  EXPECT_EQ(found->binding, Binding::plugin);
}

TEST_F(Discovery, GivenBothBindingsInOneDirectory_WhenLookedUp_ThenTheExecutableWins) {
  add("first/app");
  add_file("first/app.so");

  EXPECT_EQ(find_module("app", both()).value().binding, Binding::executable);
}

TEST_F(Discovery, GivenAPluginWithModeBits_WhenItsFileNameIsAskedFor_ThenItIsNoExecutable) {
  add("first/app.so");

  EXPECT_THAT(find_module("app.so", both()), FailsWith(ErrorCode::not_found, HasSubstr("app.so")));
}

TEST_F(Discovery, GivenARelativeDirectory_WhenLookedUp_ThenThePathIsAbsolute) {
  add("first/app");
  const auto relative = fs::relative(root / "first").string();

  EXPECT_EQ(find_module("app", {relative}).value().path, root / "first/app");
}

TEST_F(Discovery, GivenNothing_WhenLookedUp_ThenTheMessageSaysWhereAndWhatToDo) {
  auto directories = both();
  directories.push_back(root / "third");

  EXPECT_THAT(
      find_module("app", directories),
      FailsWith(ErrorCode::not_found,
                AllOf(HasSubstr("\"app\""), HasSubstr(root / "first,"), HasSubstr(root / "second,"),
                      HasSubstr(root / "third (does not exist)"), HasSubstr("install"))));
}

TEST_F(Discovery, GivenNoDirectories_WhenLookedUp_ThenTheMessageSaysSo) {
  EXPECT_THAT(find_module("app", {}),
              FailsWith(ErrorCode::not_found, HasSubstr("no directory at all")));
}

TEST_F(Discovery, GivenAFileThatIsNotExecutable_WhenLookedUp_ThenItIsNamedButNotUsed) {
  add_file("first/app");

  EXPECT_THAT(find_module("app", both()),
              FailsWith(ErrorCode::not_found, HasSubstr(root / "first/app is not executable")));

  add("second/app");
  EXPECT_EQ(find_module("app", both()).value().path, root / "second/app");
}

TEST_F(Discovery, GivenADirectoryOfThatName_WhenLookedUp_ThenItIsNamed) {
  fs::create_directory(root / "first/app");

  EXPECT_THAT(find_module("app", both()),
              FailsWith(ErrorCode::not_found, HasSubstr("is not a regular file")));
}

TEST_F(Discovery, GivenALinkInCircles_WhenSearched_ThenTheReasonIsNamed) {
  fs::create_symlink("round", root / "first/about");
  fs::create_symlink("about", root / "first/round");

  EXPECT_THAT(
      find_module("about", both()),
      FailsWith(ErrorCode::not_found, HasSubstr("first/about: Too many levels of symbolic links")));
}

class NotAName : public ::testing::TestWithParam<std::string> {};

TEST_P(NotAName, WhenLookedUp_ThenItIsRefusedWithoutLooking) {
  const TempDir root;
  fs::create_directory(root / "inside");
  write_script(root / "outside", "#!/bin/sh\n");

  EXPECT_THAT(find_module(GetParam(), {root / "inside", root.path()}),
              FailsWith(ErrorCode::invalid_input, HasSubstr("not a name")));
}

INSTANTIATE_TEST_SUITE_P(Discovery, NotAName,
                         ::testing::Values("", ".", "..", "../outside", "./outside", "/bin/sh",
                                           "inside/../outside", "a\nb", "a\x1b[2J",
                                           std::string("outside\0", 8), std::string(256, 'n')));

TEST_F(Discovery, GivenADirectoryOthersCanWrite_WhenLookedUp_ThenItIsDeniedWithTheRemedy) {
  add("first/app");
  fs::permissions(root / "first", fs::perms{0777});

  EXPECT_THAT(find_module("app", both()),
              FailsWith(ErrorCode::denied,
                        AllOf(HasSubstr("app"), HasSubstr("chmod go-w " + (root / "first")))));
}

TEST_F(Discovery, GivenAFileItsGroupCanWrite_WhenLookedUp_ThenItIsDeniedWithTheRemedy) {
  add("first/app");
  fs::permissions(root / "first/app", fs::perms{0775});

  EXPECT_THAT(find_module("app", both()),
              FailsWith(ErrorCode::denied, HasSubstr("chmod go-w " + (root / "first/app"))));
}

TEST_F(Discovery, GivenAPluginOthersCanWrite_WhenLookedUp_ThenItIsDenied) {
  add_file("first/app.so");
  fs::permissions(root / "first/app.so", fs::perms{0666});

  EXPECT_THAT(find_module("app", both()), FailsWith(ErrorCode::denied, HasSubstr("app.so")));
}

TEST_F(Discovery, GivenADirectoryOthersCanWriteWithoutTheModule_WhenLookedUp_ThenItDoesNotMatter) {
  add("second/app");
  fs::permissions(root / "first", fs::perms{0777});

  EXPECT_EQ(find_module("app", both()).value().path, root / "second/app");
}

TEST_F(Discovery, GivenALink_WhenItsTargetIsSafe_ThenItIsUsed) {
  add("second/app");
  fs::create_symlink(root / "second/app", root / "first/linked");

  EXPECT_EQ(find_module("linked", both()).value().path, root / "first/linked");
}

TEST_F(Discovery, GivenALink_WhenItsTargetsDirectoryIsOpenToOthers_ThenItIsDenied) {
  fs::create_directory(root / "open");
  add("open/app");
  fs::permissions(root / "open", fs::perms{0777});
  fs::create_symlink(root / "open/app", root / "first/app");

  EXPECT_THAT(find_module("app", both()), FailsWith(ErrorCode::denied, HasSubstr(root / "open")));
}

TEST_F(Discovery, GivenAForeignOwner_WhenLookedUp_ThenItIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  add("first/app");
  ASSERT_EQ(::chown((root / "first/app").c_str(), 12345, 0), 0);

  EXPECT_THAT(find_module("app", both()),
              FailsWith(ErrorCode::denied, HasSubstr("belongs to user 12345")));
}

TEST_F(Discovery, GivenModules_WhenListed_ThenWinnersComeFirstAndShadowsAreMarked) {
  add("first/app");
  add_file("first/app.so");
  add("second/app");
  add("second/zip");
  add_file("second/readme");
  add("second/.hidden");
  fs::create_directory(root / "second/folder");

  std::vector<std::string> listed;
  for (const auto& module : list_modules({root / "missing", root / "first", root / "second"})) {
    listed.push_back(fs::relative(module.file.path, root.path()).string() +
                     (module.shadowed ? " shadowed" : ""));
  }

  EXPECT_THAT(listed, ::testing::ElementsAre("first/app", "second/zip", "first/app.so shadowed",
                                             "second/app shadowed"));
}

}  // namespace
}  // namespace patchbay::host
