#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "modules/bootloader/loader_rig.hpp"

namespace patchbay::testing {

#define SKIP_WHERE_IMPOSSIBLE() \
  if (const auto why = LoaderRig::missing(); !why.empty()) GTEST_SKIP() << why

/// A machine with a boot loader, and what tests do to it.
class BootloaderBase : public ::testing::Test {
 protected:
  void make(LoaderKind kind) {
    rig_ = std::make_unique<LoaderRig>(kind);
    before_ = rig_->device();
  }
  void succeed(const std::string& state) {
    const auto result = rig_->call(state);
    EXPECT_EQ(result.exit_code, 0) << state << ": " << result.err;
  }
  std::string fail(const std::string& state) {
    const auto result = rig_->call(state);
    EXPECT_EQ(result.exit_code, 1) << state;
    return result.err;
  }
  std::string answer(const std::string& question) {
    const auto result = rig_->call(question);
    EXPECT_EQ(result.exit_code, 0) << question << ": " << result.err;
    return result.out;
  }
  void update() {
    succeed("Download");
    succeed("ArtifactInstall");
    rig_->reboot();
    succeed("ArtifactVerifyReboot");
    succeed("ArtifactCommit");
  }
  // Refused before anything is touched, by the download or at the latest by the install.
  std::string refused() {
    auto result = rig_->call("Download");
    if (result.exit_code == 0) result = rig_->call("ArtifactInstall");
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_TRUE(rig_->device() == before_) << "something was written";
    return result.err;
  }

  // In the middle of what an update overwrites.
  void damage(LoaderKind kind) {
    const auto* const where = kind == LoaderKind::file    ? "esp/EFI/systemd/systemd-bootx64.efi"
                              : kind == LoaderKind::flash ? "flash-a"
                              : kind == LoaderKind::emmc  ? "boot1.img"
                                                          : "disk.img";
    const bool first = kind == LoaderKind::order || kind == LoaderKind::single;
    const auto offset = std::string{where} != "disk.img" ? 9000
                        : first                          ? 8192 + 9000
                                                         : 8192 + 131072 + 9000;
    shell("printf broken | dd conv=notrunc bs=1 seek=" + std::to_string(offset) +
          " of=" + (*rig_ / where));
  }

  std::unique_ptr<LoaderRig> rig_;
  std::string before_;
};

}  // namespace patchbay::testing
