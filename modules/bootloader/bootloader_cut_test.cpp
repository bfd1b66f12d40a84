#include <gmock/gmock.h>

#include <filesystem>

#include "modules/bootloader/loader_rig.hpp"

namespace patchbay::testing {
namespace {

using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr const char* kSettings = "etc/bootloader.json";
constexpr const char* kAside = "etc/bootloader.json.aside";

// The module is killed in front of every system call that changes something. The machine has to
// start from what is there then, and after the calls that a client makes, all is old or all is new.
struct CutRow {
  const char* name;
  std::vector<std::string> before;
  std::string cut;
  std::vector<std::string> after;
  const char* wanted;  // "old" means every byte
};

void PrintTo(const CutRow& row, std::ostream* out) {
  *out << row.name;
}

const CutRow kRows[] = {
    {"Install",
     {"Download"},
     "ArtifactInstall",
     {"ArtifactRollback", "ArtifactFailure", "Cleanup"},
     "old"},
    {"InstallThenNoRollback", {"Download"}, "ArtifactInstall", {"Cleanup"}, "old"},
    {"InstallThenAgain",
     {"Download"},
     "ArtifactInstall",
     {"ArtifactInstall", "reboot", "ArtifactCommit", "Cleanup"},
     "new"},
    {"Commit",
     {"Download", "ArtifactInstall", "reboot"},
     "ArtifactCommit",
     {"ArtifactRollback", "ArtifactFailure", "Cleanup"},
     "old"},
    {"CommitThenAgain",
     {"Download", "ArtifactInstall", "reboot"},
     "ArtifactCommit",
     {"ArtifactCommit", "Cleanup"},
     "new"},
    {"Rollback",
     {"Download", "ArtifactInstall"},
     "ArtifactRollback",
     {"ArtifactRollback", "Cleanup"},
     "old"},
    {"RollbackAfterCommit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactCommit"},
     "ArtifactRollback",
     {"ArtifactRollback", "Cleanup"},
     "old"},
    {"RollbackWithoutSettings",
     {"Download", "ArtifactInstall", "reboot", "no settings"},
     "ArtifactRollback",
     {"ArtifactRollback", "settings", "Cleanup"},
     "old"},
    {"InstallThenWithoutSettings",
     {"Download"},
     "ArtifactInstall",
     {"reboot", "no settings", "ArtifactRollback", "settings", "reboot",
      "ArtifactVerifyRollbackReboot", "Cleanup"},
     "old"},
    {"RollbackThenWithoutSettings",
     {"Download", "ArtifactInstall", "reboot", "no settings"},
     "ArtifactRollback",
     {"reboot", "ArtifactRollback", "settings", "Cleanup"},
     "old"},
    {"CleanupOfUnfinished", {"Download", "ArtifactInstall"}, "Cleanup", {"Cleanup"}, "old"},
    {"CleanupAfterCommit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactCommit"},
     "Cleanup",
     {"Cleanup"},
     "new"},
};

class BootloaderCuts : public ::testing::TestWithParam<std::tuple<LoaderKind, CutRow>> {
 protected:
  void step(LoaderRig& rig, const std::string& what) {
    if (what == "reboot") return rig.reboot();
    if (what == "no settings") return fs::rename(rig / kSettings, rig / kAside);
    if (what == "settings") return fs::rename(rig / kAside, rig / kSettings);
    const auto result = rig.call(what);
    if (result.exit_code != 0) trouble_ += what + " failed: " + result.err;
  }

  std::string trouble_;
};

TEST_P(BootloaderCuts, GivenCutAtAnyChangingCall_WhenClientGoesOn_ThenAllOldOrAllNew) {
  if (const auto why = LoaderRig::missing(); !why.empty()) GTEST_SKIP() << why;
  const auto& [kind, row] = GetParam();
  const unsigned stride = cut_stride(29);
  std::vector<std::string> failures;
  unsigned cuts = 0;
  for (unsigned nth = 1;; nth += stride) {
    LoaderRig rig{kind};
    const auto old = rig.device();
    trouble_.clear();
    for (const auto& what : row.before)
      step(rig, what);
    const auto made = rig.tree().call_and_cut(row.cut, nth);
    if (!made.reached) break;
    ++cuts;
    const auto now = rig.starts();
    const bool starts = now == "old" || now == "new";
    if (!starts && kind != LoaderKind::single) trouble_ += "after the cut starts " + now + "\n";
    for (const auto& what : row.after)
      step(rig, what);
    if (rig.starts() != row.wanted) trouble_ += "in the end starts " + rig.starts() + "\n";
    if (row.wanted == std::string{"old"} && rig.device() != old)
      trouble_ += "not every byte is back\n";
    if (!rig.is_locked()) trouble_ += "the boot partitions are not locked again\n";
    if (!trouble_.empty())
      failures.push_back("cut " + std::to_string(nth) + ", before " + made.call + " " +
                         made.subject + "\n" + trouble_);
  }
  EXPECT_THAT(failures, IsEmpty());
  RecordProperty("cuts", static_cast<int>(cuts));
}

INSTANTIATE_TEST_SUITE_P(On, BootloaderCuts,
                         ::testing::Combine(::testing::Values(LoaderKind::bytes, LoaderKind::order,
                                                              LoaderKind::variable,
                                                              LoaderKind::emmc, LoaderKind::flash,
                                                              LoaderKind::single, LoaderKind::file),
                                            ::testing::ValuesIn(kRows)),
                         [](const auto& test) {
                           return ::testing::PrintToString(std::get<0>(test.param)) +
                                  std::get<1>(test.param).name;
                         });

}  // namespace
}  // namespace patchbay::testing
