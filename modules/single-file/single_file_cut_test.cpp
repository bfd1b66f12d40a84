#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/module_tree_cuts.hpp"

namespace patchbay::testing {
namespace {

using ::testing::IsEmpty;

void fill(ModuleTree& tree, const std::string& directory, const std::string& name) {
  tree.payload("dest_dir", directory + "\n");
  tree.payload("filename", name + "\n");
  tree.payload("permissions", "640\n");
  tree.payload(name, "the new content");
}

void make_old_file(const std::string& path) {
  write_text(path, "the old content");
  ::chmod(path.c_str(), 0604);
  ::setxattr(path.c_str(), "user.colour", "green", 5, 0);
  if (::geteuid() == 0) [[maybe_unused]]
    const int owned = ::chown(path.c_str(), 12, 34);
  const timespec times[2] = {{1000000000, 5}, {1000000001, 7}};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

const CutScenario kScenarios[] = {
    {"ExistingFile", [](const std::string& system) { make_old_file(system + "/etc/app.conf"); },
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/etc", "app.conf"); }},
    {"NewFile", [](const std::string& system) { make_old_file(system + "/etc/other"); },
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/etc", "app.conf"); }},
    {"NewParentDirectories", [](const std::string&) {},
     [](ModuleTree& tree, const std::string& system) {
       fill(tree, system + "/opt/app/etc", "app.conf");
     }},
    {"BehindASymbolicLink",
     [](const std::string& system) {
       make_old_file(system + "/data/app.conf");
       std::filesystem::create_directory(system + "/etc");
       std::filesystem::create_symlink("../data/app.conf", system + "/etc/app.conf");
     },
     [](ModuleTree& tree, const std::string& system) { fill(tree, system + "/etc", "app.conf"); }},
};

class SingleFileCuts : public ::testing::TestWithParam<CutScenario> {};

TEST_P(SingleFileCuts, GivenCutAtAnyChangingCall_WhenClientGoesOn_ThenAllOldOrAllNew) {
  ::setenv("TMPDIR", fast_directory().c_str(), 1);

  const auto report = try_all_cuts(PATCHBAY_MODULE_PROGRAM, "single-file", GetParam());

  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_GT(report.cuts, 10U);
  RecordProperty("cuts", static_cast<int>(report.cuts));
}

INSTANTIATE_TEST_SUITE_P(All, SingleFileCuts, ::testing::ValuesIn(kScenarios),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace patchbay::testing
