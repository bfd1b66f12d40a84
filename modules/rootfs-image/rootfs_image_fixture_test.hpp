#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "modules/rootfs-image/board_rig.hpp"

namespace patchbay::testing {

#define SKIP_WHERE_IMPOSSIBLE() \
  if (const auto why = TestBoard::missing(); !why.empty()) GTEST_SKIP() << why

/// A board with two slots, an image for it, and what tests do to them.
class RootfsImageBase : public ::testing::Test {
 protected:
  void make(BootKind kind) {
    board_ = std::make_unique<TestBoard>(kind);
    fresh_ = board_->image("the new system");
  }
  void succeed(const std::string& state) {
    const auto result = board_->call(state);
    EXPECT_EQ(result.exit_code, 0) << state << ": " << result.err;
  }
  std::string fail(const std::string& state) {
    const auto result = board_->call(state);
    EXPECT_EQ(result.exit_code, 1) << state;
    return result.err;
  }
  std::string answer(const std::string& question) {
    const auto result = board_->call(question);
    EXPECT_EQ(result.exit_code, 0) << question << ": " << result.err;
    return result.out;
  }

  std::unique_ptr<TestBoard> board_;
  std::string fresh_;
};

}  // namespace patchbay::testing
