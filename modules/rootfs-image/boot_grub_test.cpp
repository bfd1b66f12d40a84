#include <gmock/gmock.h>

#include <filesystem>

#include "modules/rootfs-image/boot_variables.hpp"
#include "tests/support/module_tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace patchbay::rootfs_image {
namespace {

using ::testing::HasSubstr;
using testing::read_text;
using testing::shell;
using testing::write_text;

// Two copies, as grub-editenv makes them, and what a cut in front of each step of a write leaves.
class GrubCopies : public ::testing::Test {
 protected:
  GrubCopies() {
    const auto made = shell(
        "cd " + directory_.path() + " && mkdir mender_grubenv1 mender_grubenv2 && for d in *; do " +
        "(cd $d && grub-editenv env create && grub-editenv env set mender_boot_part=2 bootcount=0 "
        "&& grub-editenv lock create && grub-editenv lock set editing=0 && sha256sum lock > "
        "lock.sha256sum); done");
    EXPECT_EQ(made.exit_code, 0) << made.out;
    store_ = grub_variables(directory_.path());
  }

  std::string file(int copy, const std::string& name) const {
    return directory_ / ("mender_grubenv" + std::to_string(copy) + "/" + name);
  }
  void edit(int copy, const std::string& name, const std::string& assignment) const {
    const auto done = shell("grub-editenv " + file(copy, name) + " set " + assignment);
    EXPECT_EQ(done.exit_code, 0) << done.out;
  }
  std::string part() const {
    const auto variables = store_->read();
    return variables ? variables->at("mender_boot_part") : variables.error().message();
  }

  testing::TempDir directory_;
  std::unique_ptr<VariableStore> store_;
};

TEST_F(GrubCopies, GivenWrite_ThenBothCopiesAndTheirLocksAreRight) {
  ASSERT_TRUE(store_->write({{"mender_boot_part", "3"}, {"upgrade_available", "1"}}));

  EXPECT_EQ(part(), "3");
  EXPECT_EQ(read_text(file(1, "env")), read_text(file(2, "env")));
  for (const int copy : {1, 2}) {
    EXPECT_EQ(shell("grub-editenv " + file(copy, "env") + " list").out,
              "mender_boot_part=3\nbootcount=0\nupgrade_available=1\n");
    const auto lock = std::filesystem::path{file(copy, "lock")}.parent_path().string();
    EXPECT_EQ(shell("cd " + lock + " && sha256sum -c lock.sha256sum").exit_code, 0);
  }
}

TEST_F(GrubCopies, GivenSecondCopyBeingWritten_ThenFirstCounts) {
  edit(2, "lock", "editing=1");
  edit(2, "env", "mender_boot_part=3");
  EXPECT_EQ(part(), "2");
  edit(2, "lock", "editing=0");
  EXPECT_EQ(part(), "2") << "as GRUB reads it";
}

TEST_F(GrubCopies, GivenFirstCopyBeingWritten_ThenSecondCounts) {
  edit(2, "env", "mender_boot_part=3");
  edit(1, "lock", "editing=1");
  EXPECT_EQ(part(), "3");
}

TEST_F(GrubCopies, GivenEmptiedFiles_ThenTheOtherCopyCountsAndNextWriteRepairs) {
  for (const auto* const name : {"env", "lock"}) {
    for (const int copy : {1, 2}) {
      write_text(file(copy, name), "");
      EXPECT_EQ(part(), "2") << name << copy;
      ASSERT_TRUE(store_->write({{"bootcount", "1"}}));
      EXPECT_EQ(read_text(file(1, "env")), read_text(file(2, "env")));
      EXPECT_EQ(read_text(file(1, "lock")), read_text(file(2, "lock")));
      EXPECT_EQ(read_text(file(1, "env")).size(), 1024U);
    }
  }
}

TEST_F(GrubCopies, GivenBothDamaged_ThenNothingIsWrittenAndSaidSo) {
  write_text(file(1, "env"), "");
  write_text(file(2, "lock"), "");
  const auto status = store_->write({{"bootcount", "1"}});

  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), HasSubstr("both copies are damaged"));
  EXPECT_EQ(read_text(file(1, "env")), "");
}

}  // namespace
}  // namespace patchbay::rootfs_image
