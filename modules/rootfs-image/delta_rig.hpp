#pragma once

#include <gmock/gmock.h>

#include <string>

#include "modules/rootfs-image/old_image_rig.hpp"

namespace patchbay::testing {

/// A board with an old system, a new one, and what the real rdiff makes of the two.
class DeltaRig : public OldImageRig {
 protected:
  void SetUp() override {
    SKIP_WHERE_IMPOSSIBLE();
    if (shell("command -v rdiff").exit_code != 0) GTEST_SKIP() << "rdiff is missing";
    start();
  }

  void start() {
    make("rootfs-delta");
    describe(described(old_), described(fresh_));
  }
  [[nodiscard]] std::string payload() const { return delta(old_, fresh_); }

  void describe(const std::string& from, const std::string& to) {
    board_->tree().meta_data(R"({"from": )" + from + R"(, "to": )" + to + "}");
  }
  [[nodiscard]] std::string delta(const std::string& from, const std::string& to) const {
    const auto at = *board_ / "delta-of";
    write_text(at + ".from", from);
    write_text(at + ".to", to);
    const auto made =
        shell("cd " + (*board_ / "") + " && rdiff -f -b 2048 signature " + at + ".from " + at +
              ".sig && rdiff -f delta " + at + ".sig " + at + ".to " + at);
    EXPECT_EQ(made.exit_code, 0) << made.out;
    return read_text(at);
  }
};

}  // namespace patchbay::testing
