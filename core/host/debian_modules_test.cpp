#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/host/discovery.hpp"
#include "core/host/probe_module.hpp"
#include "tests/support/result_matchers.hpp"

// The modules that Debian ships with its Mender client, run unchanged.
namespace patchbay::host {
namespace {

namespace fs = std::filesystem;
using patchbay::testing::CollectingLog;
using patchbay::testing::FailsWith;
using patchbay::testing::IsOk;
using patchbay::testing::IsOkAnd;
using patchbay::testing::read_text;
using patchbay::testing::TempDir;
using patchbay::testing::write_text;
using testing::MemorySource;
using testing::ProbeModule;

constexpr const char* kModules = "/usr/share/mender/modules/v3";

class DebianModules : public ::testing::Test {
 protected:
  std::unique_ptr<Module> bind(const std::string& type) {
    auto file = find_module(type, {kModules});
    if (!file) return nullptr;
    EXPECT_THAT(tree.create(ProbeModule::content()), IsOk());
    return bind_module(*file, tree.path(), ProbeModule::default_settings(), log, nullptr).value();
  }

  TempDir directory;
  CollectingLog log;
  WorkTree tree{directory / "data", 0};
};

TEST_F(DebianModules, GivenSingleFile_WhenInstalledAndRolledBack_ThenTheOldFileIsBack) {
  const auto module = bind("single-file");
  if (module == nullptr) GTEST_SKIP() << "needs Debian's mender-client";
  write_text(directory / "etc/app.conf", "old");
  MemorySource source{{{"dest_dir", (directory / "etc") + "\n", {}},
                       {"filename", "app.conf\n", {}},
                       {"permissions", "640\n", {}},
                       {"app.conf", "new", {}}}};

  ASSERT_THAT(module->download(source), IsOk());
  ASSERT_THAT(module->call(Call::artifact_install), IsOk()) << log.text();
  EXPECT_EQ(read_text(directory / "etc/app.conf"), "new");
  EXPECT_EQ(fs::status(directory / "etc/app.conf").permissions(), fs::perms{0640});
  EXPECT_THAT(needs_reboot(*module), IsOkAnd(Reboot::no));
  EXPECT_THAT(supports_rollback(*module), IsOkAnd(true));

  ASSERT_THAT(module->call(Call::artifact_rollback), IsOk()) << log.text();
  EXPECT_EQ(read_text(directory / "etc/app.conf"), "old");
  EXPECT_THAT(module->call(Call::artifact_failure), IsOk());
  EXPECT_THAT(module->call(Call::cleanup), IsOk());
}

TEST_F(DebianModules, GivenSingleFileWithoutItsFiles_WhenInstalled_ThenItsComplaintIsTheError) {
  const auto module = bind("single-file");
  if (module == nullptr) GTEST_SKIP() << "needs Debian's mender-client";
  MemorySource source{{{"app.conf", "new", {}}}};

  ASSERT_THAT(module->download(source), IsOk());

  EXPECT_THAT(module->call(Call::artifact_install),
              FailsWith(ErrorCode::module_failed, ::testing::HasSubstr("dest_dir")));
}

TEST_F(DebianModules, GivenDirectory_WhenInstalledAndRolledBack_ThenTheOldFilesAreBack) {
  const auto module = bind("directory");
  if (module == nullptr) GTEST_SKIP() << "needs Debian's mender-client";
  write_text(directory / "app/old", "old");
  write_text(directory / "new/fresh", "fresh");
  const auto archive = directory / "update.tar";
  ASSERT_EQ(std::system(("tar -cf " + archive + " -C " + (directory / "new") + " .").c_str()), 0);
  MemorySource source{
      {{"dest_dir", (directory / "app") + "\n", {}}, {"update.tar", read_text(archive), {}}}};

  ASSERT_THAT(module->download(source), IsOk());
  ASSERT_THAT(module->call(Call::artifact_install), IsOk()) << log.text();
  EXPECT_EQ(read_text(directory / "app/fresh"), "fresh");
  EXPECT_FALSE(fs::exists(directory / "app/old"));

  ASSERT_THAT(module->call(Call::artifact_rollback), IsOk()) << log.text();
  EXPECT_EQ(read_text(directory / "app/old"), "old");
  EXPECT_FALSE(fs::exists(directory / "app/fresh"));
  EXPECT_THAT(module->call(Call::cleanup), IsOk());
}

TEST_F(DebianModules, GivenScript_WhenInstalled_ThenEveryFileIsRun) {
  const auto module = bind("script");
  if (module == nullptr) GTEST_SKIP() << "needs Debian's mender-client";
  MemorySource source{{{"one", "#!/bin/sh\ntouch " + (directory / "ran-one") + "\n", {}},
                       {"two", "#!/bin/sh\ntouch " + (directory / "ran-two") + "\n", {}}}};

  ASSERT_THAT(module->download(source), IsOk());
  ASSERT_THAT(module->call(Call::artifact_install), IsOk()) << log.text();

  EXPECT_TRUE(fs::exists(directory / "ran-one"));
  EXPECT_TRUE(fs::exists(directory / "ran-two"));
  EXPECT_THAT(supports_rollback(*module), IsOkAnd(false));
  EXPECT_THAT(module->call(Call::cleanup), IsOk());
}

}  // namespace
}  // namespace patchbay::host
