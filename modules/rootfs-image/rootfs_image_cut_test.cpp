#include <gmock/gmock.h>

#include <ostream>
#include <type_traits>

#include "modules/rootfs-image/board_rig.hpp"
#include "modules/rootfs-image/chunks_rig.hpp"
#include "modules/rootfs-image/delta_rig.hpp"

namespace patchbay::testing {
namespace {

using ::testing::IsEmpty;

// The module is killed, with all it has started, in front of every system call that changes
// something, and then gets the calls that a client makes after a power cut. Whatever happens, the
// boot environment can be read and says the old slot, kept, or the new one, as the row wants it.
struct CutRow {
  const char* name;
  std::vector<std::string> before;  // "reboot" is a reboot, "Download" the download
  std::string cut;
  std::vector<std::string> after;
  std::string wanted;  // "A", or "A|B" where both are right
};

void PrintTo(const CutRow& row, std::ostream* out) {
  *out << row.name;
}

const CutRow kRows[] = {
    {"Download", {}, "Download", {"Cleanup"}, "A"},
    {"DownloadThenAgain", {}, "Download", {"Cleanup", "Download", "ArtifactInstall"}, "B trial"},
    {"Install",
     {"Download"},
     "ArtifactInstall",
     {"ArtifactRollback", "ArtifactFailure", "Cleanup"},
     "A"},
    {"InstallThenNoRollback", {"Download"}, "ArtifactInstall", {"Cleanup"}, "A"},
    {"Commit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactVerifyReboot"},
     "ArtifactCommit",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "ArtifactFailure", "Cleanup"},
     "A"},
    {"CommitThenAgain",
     {"Download", "ArtifactInstall", "reboot"},
     "ArtifactCommit",
     {"ArtifactCommit", "Cleanup"},
     "B"},
    {"RollbackBeforeReboot",
     {"Download", "ArtifactInstall"},
     "ArtifactRollback",
     {"ArtifactRollback", "Cleanup"},
     "A"},
    {"RollbackAfterReboot",
     {"Download", "ArtifactInstall", "reboot"},
     "ArtifactRollback",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "Cleanup"},
     "A"},
    {"RollbackAfterCommit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactCommit"},
     "ArtifactRollback",
     {"ArtifactRollback", "reboot", "ArtifactVerifyRollbackReboot", "Cleanup"},
     "A"},
    {"CleanupOfUnfinished", {"Download", "ArtifactInstall"}, "Cleanup", {"Cleanup"}, "A"},
    {"CleanupAfterCommit",
     {"Download", "ArtifactInstall", "reboot", "ArtifactCommit"},
     "Cleanup",
     {"Cleanup"},
     "B"},
};

class RootfsImageCuts : public ::testing::TestWithParam<std::tuple<BootKind, CutRow>> {
 protected:
  void step(TestBoard& board, const std::string& what) {
    if (what == "reboot") {
      board.reboot();
      return;
    }
    const auto result = what == "Download" ? board.download(fresh_) : board.call(what);
    if (result.exit_code != 0) trouble_ += what + " failed: " + result.err;
  }

  Cut cut(TestBoard& board, const std::string& what, unsigned nth) {
    if (what == "Download") return board.download_and_cut(fresh_, nth);
    return board.tree().call_and_cut(what, nth);
  }

  std::string fresh_;
  std::string trouble_;
};

TEST_P(RootfsImageCuts, GivenCutAtAnyChangingCall_WhenClientGoesOn_ThenOneSlotIsBootedForGood) {
  if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why;
  const auto& [kind, row] = GetParam();
  const unsigned stride = cut_stride(7);
  std::vector<std::string> failures;
  unsigned cuts = 0;
  for (unsigned nth = 1;; nth += stride) {
    TestBoard board{kind};
    fresh_ = board.image("the new system");
    const auto old = board.content('A');
    trouble_.clear();
    for (const auto& what : row.before)
      step(board, what);
    const auto made = cut(board, row.cut, nth);
    if (!made.reached) break;
    ++cuts;
    for (const auto& what : row.after)
      step(board, what);
    const auto boot = board.boot();
    if (boot != row.wanted) trouble_ += "the boot environment says " + boot + "\n";
    if (board.content('A') != old) trouble_ += "slot A has changed\n";
    if (board.running() != boot.front() && !boot.ends_with("trial"))
      trouble_ += std::string{"slot "} + board.running() + " runs\n";
    if (boot.front() == 'B' && board.content('B') != fresh_) trouble_ += "slot B is incomplete\n";
    if (!trouble_.empty())
      failures.push_back("cut " + std::to_string(nth) + ", before " + made.call + " " +
                         made.subject + "\n" + trouble_);
  }
  EXPECT_THAT(failures, IsEmpty());
  RecordProperty("cuts", static_cast<int>(cuts));
}

INSTANTIATE_TEST_SUITE_P(
    On, RootfsImageCuts,
    ::testing::Combine(::testing::Values(BootKind::uboot, BootKind::library, BootKind::grub,
                                         BootKind::command, BootKind::efi, BootKind::systemd_boot),
                       ::testing::ValuesIn(kRows)),
    [](const auto& test) {
      return ::testing::PrintToString(std::get<0>(test.param)) + std::get<1>(test.param).name;
    });

// The other types of payload differ in the download alone.
template <typename Rig>
class RootfsOldImageCuts : public Rig {};

struct RigNames {
  template <typename Rig>
  static std::string GetName(int /*number*/) {
    return std::is_same_v<Rig, DeltaRig> ? "Delta" : "Chunks";
  }
};

using Rigs = ::testing::Types<DeltaRig, ChunksRig>;
TYPED_TEST_SUITE(RootfsOldImageCuts, Rigs, RigNames);

TYPED_TEST(RootfsOldImageCuts, GivenDownloadCutAtAnyChangingCall_WhenDoneAgain_ThenItIsWhole) {
  const auto payload = this->payload();
  unsigned cuts = 0;
  for (unsigned nth = 1;; nth += cut_stride(3)) {
    this->start();
    auto& board = *this->board_;
    if (!board.download_and_cut(payload, nth).reached) break;
    ++cuts;
    SCOPED_TRACE("cut " + std::to_string(nth));
    this->expect_old_system();
    this->succeed("Cleanup");
    board.install(payload);
    EXPECT_EQ(board.boot(), "B trial");
    EXPECT_TRUE(board.content('B') == this->fresh_);
  }
  EXPECT_GT(cuts, 3U);
}

}  // namespace
}  // namespace patchbay::testing
