#include "modules/bootloader/mmc.hpp"

#include <fcntl.h>
#include <linux/mmc/ioctl.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace patchbay::bootloader {
namespace {

using module::Done;
using module::Error;
using module::Fd;
using module::Result;
using module::Status;
using rootfs_image::BootState;
using rootfs_image::Slot;

// The kernel's own names for these (linux/mmc/core.h, mmc.h) are not among its exported headers.
constexpr unsigned kSendExtCsd = 8;
constexpr unsigned kSwitch = 6;
constexpr unsigned kFlagsR1 = 1U << 0 | 1U << 2 | 1U << 4;  // present, CRC, opcode
constexpr unsigned kFlagBusy = 1U << 3;
constexpr unsigned kFlagData = 1U << 5;  // an addressed command with data
constexpr unsigned kFlagSpi = 1U << 7;
constexpr unsigned kFlagSpiBusy = 1U << 10;
constexpr unsigned kWriteByte = 3;  // access mode of SWITCH
constexpr unsigned kStandardSet = 1;

constexpr std::size_t kExtCsdSize = 512;
constexpr unsigned kPartitionConfig = 179;
constexpr unsigned kEnableShift = 3;
constexpr unsigned kEnableMask = 7U << kEnableShift;
constexpr unsigned kAccessMask = 7U;

class PartitionConfig final : public rootfs_image::BootEnvironment {
 public:
  explicit PartitionConfig(std::string card) : card_{std::move(card)} {}

  [[nodiscard]] std::string name() const override { return "PARTITION_CONFIG of " + card_; }

  Result<BootState> read() override {
    PATCHBAY_TRY(const auto config, read_config());
    const auto enabled = (config & kEnableMask) >> kEnableShift;
    if (enabled == 1 || enabled == 2) return BootState{enabled == 1 ? Slot::a : Slot::b, false};
    return Error{name() + " is " + std::to_string(config) +
                 ": the card starts from neither of its boot partitions"};
  }
  // The card knows no trial.
  Status try_once(Slot slot) override { return keep(slot); }

  Status keep(Slot slot) override {
    PATCHBAY_TRY(const auto before, read_config());
    const auto wanted = (before & ~(kEnableMask | kAccessMask)) | (slot == Slot::a ? 1U : 2U)
                                                                      << kEnableShift;
    if (wanted == before) return Done{};
    PATCHBAY_CHECK(switch_to(wanted));
    PATCHBAY_TRY(const auto after, read_config());
    if (after == wanted) return Done{};
    return Error{name() + " was set to " + std::to_string(wanted) + ", and reads " +
                 std::to_string(after)};
  }

 private:
  [[nodiscard]] Result<unsigned> read_config() const {
    std::array<unsigned char, kExtCsdSize> registers{};
    mmc_ioc_cmd command{};
    command.opcode = kSendExtCsd;
    command.flags = kFlagsR1 | kFlagSpi | kFlagData;
    command.blksz = kExtCsdSize;
    command.blocks = 1;
    command.data_ptr = reinterpret_cast<std::uintptr_t>(registers.data());
    PATCHBAY_CHECK(send(command, O_RDONLY, "read"));
    return unsigned{registers[kPartitionConfig]};
  }

  [[nodiscard]] Status switch_to(unsigned config) const {
    mmc_ioc_cmd command{};
    command.write_flag = 1;
    command.opcode = kSwitch;
    command.arg = kWriteByte << 24 | kPartitionConfig << 16 | config << 8 | kStandardSet;
    command.flags = kFlagsR1 | kFlagBusy | kFlagSpi | kFlagSpiBusy;
    return send(command, O_RDWR, "set");
  }

  Status send(mmc_ioc_cmd& command, int flags, const char* what) const {
    const Fd fd{::open(card_.c_str(), flags | O_CLOEXEC)};
    if (!fd) return Error::from_errno(errno, "open " + card_);
    if (::ioctl(fd.get(), MMC_IOC_CMD, &command) == 0) return Done{};
    const int why = errno;
    auto error = Error::from_errno(why, std::string{what} + " " + name());
    if (why == ENOTTY || why == EINVAL)
      return Error{error.message() + "; is " + card_ + " an eMMC card, and the whole of it?"};
    return error;
  }

  std::string card_;
};

}  // namespace

std::unique_ptr<rootfs_image::BootEnvironment> select_by_partition_config(std::string card) {
  return std::make_unique<PartitionConfig>(std::move(card));
}

}  // namespace patchbay::bootloader
