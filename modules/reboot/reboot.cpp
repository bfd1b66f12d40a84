#include "patchbay/module.hpp"

namespace patchbay::reboot {
namespace {

using module::Context;
using module::Description;
using module::Done;
using module::Error;
using module::Lines;
using module::Reboot;
using module::Result;
using module::Status;

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr const char* kBefore = "boot-before";
constexpr std::size_t kLimit = 64;

class RebootModule final : public module::Module {
 public:
  // There is nothing to take back, and nothing that a second reboot would mend.
  Result<bool> supports_rollback(Context&) override { return true; }

  Result<Reboot> needs_reboot(Context& context) override {
    PATCHBAY_TRY(const auto undone, context.state("undone"));
    return undone ? Reboot::no : Reboot::automatic;
  }

  Status install(Context& context) override {
    PATCHBAY_TRY(const auto files, context.payload_files());
    if (!files.empty())
      return Error{"the payload has a file '" + files.front().name + "', and a reboot takes none"};
    PATCHBAY_TRY(const auto boot, module::read_file(kBootId, kLimit));
    return context.set_state(kBefore, boot);
  }

  Status verify_reboot(Context& context) override {
    PATCHBAY_TRY(const auto before, context.state(kBefore));
    PATCHBAY_TRY(const auto now, module::read_file(kBootId, kLimit));
    if (!before) return Error{"nobody has noted which boot came before"};
    if (*before == now) return Error{"the machine has not rebooted"};
    return Done{};
  }

  Status rollback(Context& context) override { return context.set_state("undone", ""); }

  Result<std::optional<Description>> describe(Context&) override {
    return {Description{.type = "reboot",
                        .description = "Reboots the machine, and looks whether it has.",
                        .rollback = true,
                        .reboot = Description::Reboots::always,
                        .streams = false,
                        .writes = {}}};
  }

  Result<Lines> plan(Context&) override { return Lines{"reboot the machine"}; }
};

}  // namespace
}  // namespace patchbay::reboot

PATCHBAY_EXECUTABLE(patchbay::reboot::RebootModule)
