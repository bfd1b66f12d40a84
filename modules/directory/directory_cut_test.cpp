#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "tests/support/module_tree_cuts.hpp"

namespace patchbay::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

void make_old_directory(const std::string& path) {
  write_text(path + "/keep", "the old keep");
  write_text(path + "/only old/deep/file", "gone soon");
  fs::create_symlink("keep", path + "/link");
  ::setxattr((path + "/keep").c_str(), "user.colour", "green", 5, 0);
  ::chmod((path + "/only old").c_str(), 0711);
  ::chmod(path.c_str(), 0750);
  if (::geteuid() == 0) [[maybe_unused]]
    const int owned = ::chown((path + "/keep").c_str(), 12, 34);
}

void fill(ModuleTree& tree, const std::string& destination) {
  const TempDir source;
  write_text(source / "content/keep", "the new keep");
  write_text(source / "content/only new/file", "here now");
  fs::create_symlink("only new", source / "content/way");
  fs::create_directories(tree / "files");
  const auto made =
      shell("tar -C " + source.path() + "/content -cf " + (tree / "files/update.tar") + " .");
  if (made.exit_code != 0) throw std::runtime_error{made.out};
  tree.payload("dest_dir", destination + "\n");
}

void must(int result, const char* what) {
  if (result != 0) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
}

const CutScenario kScenarios[] = {
    {"Existing", [](const std::string& system) { make_old_directory(system + "/srv/app"); },
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/srv/app"); }},
    {"AbsentWithParents", [](const std::string&) {},
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/opt/our own/app"); }},
    {"BehindASymbolicLink",
     [](const std::string& system) {
       make_old_directory(system + "/data/app");
       fs::create_symlink("data/app", system + "/app");
     },
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/app"); }},
};

const CutScenario kMountPoint{
    "MountPoint",
    [](const std::string& system) {
      fs::create_directory(system + "/mnt");
      must(::mount("tmpfs", (system + "/mnt").c_str(), "tmpfs", 0, "size=1m"), "mount tmpfs");
      make_old_directory(system + "/mnt");
      fs::create_directory(system + "/mnt/lost+found");
    },
    [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/mnt"); },
    [](const std::string& system) { must(::umount((system + "/mnt").c_str()), "umount"); }};

// Inodes here have numbers nobody promises to keep, so the directory is replaced by two renames.
const CutScenario kWithoutExchange{
    "WithoutExchange",
    [](const std::string& system) {
      must(::mount("ramfs", system.c_str(), "ramfs", 0, nullptr), "mount ramfs");
      make_old_directory(system + "/app");
    },
    [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/app"); },
    [](const std::string& system) { must(::umount(system.c_str()), "umount"); }};

class DirectoryCuts : public ::testing::TestWithParam<CutScenario> {};

TEST_P(DirectoryCuts, GivenCutAtAnyChangingCall_WhenClientGoesOn_ThenAllOldOrAllNew) {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "directory", GetParam());

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 10U);
  RecordProperty("cuts", static_cast<int>(report.cuts));
}

INSTANTIATE_TEST_SUITE_P(All, DirectoryCuts, ::testing::ValuesIn(kScenarios),
                         [](const auto& test) { return test.param.name; });

TEST(DirectoryMountCuts, GivenMountPoint_WhenCutAtAnyChangingCall_ThenAllOldOrAllNew) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  ::setenv("TMPDIR", fast_directory().c_str(), 1);

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "directory", kMountPoint);

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 20U);
}

TEST(DirectoryMountCuts, GivenTwoRenamesInsteadOfAnExchange_WhenCut_ThenAllOldOrAllNew) {
  if (!enter_mount_namespace()) GTEST_SKIP() << "NOT TESTED: mounting is not allowed here";
  ::setenv("TMPDIR", fast_directory().c_str(), 1);

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "directory", kWithoutExchange);

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 20U);
}

}  // namespace
}  // namespace patchbay::testing
