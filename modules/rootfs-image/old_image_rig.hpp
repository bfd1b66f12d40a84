#pragma once

#include <gmock/gmock.h>

#include <string>

#include "modules/rootfs-image/rootfs_image_fixture_test.hpp"
#include "sdk/slot/sha256.hpp"

namespace patchbay::testing {

/// A board that makes the new image of what the payload brings and of the old image, which runs.
class OldImageRig : public RootfsImageBase {
 protected:
  void make(const std::string& type) {
    RootfsImageBase::make(BootKind::uboot);
    old_ = board_->content('A');
    before_ = board_->content('B');
    board_->tree().header("payload_type", type + "\n");
  }

  static std::string sum_of(const std::string& image) { return slot::sha256_of(image).value(); }
  /// An image, as meta-data has it.
  static std::string described(const std::string& image) {
    return R"({"size": )" + std::to_string(image.size()) + R"(, "sha256": ")" + sum_of(image) +
           "\"}";
  }

  /// What the module says of a payload that it does not install.
  std::string fails(const std::string& content) {
    const auto result = board_->download(content);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_EQ(board_->call("ArtifactInstall").exit_code, 1) << "an incomplete image was installed";
    expect_old_system();
    board_->next_update();
    return result.err;
  }
  void expect_old_system() {
    EXPECT_EQ(board_->boot(), "A");
    EXPECT_TRUE(board_->content('A') == old_);
  }

  std::string old_;
  std::string before_;  ///< what slot B had
};

}  // namespace patchbay::testing
