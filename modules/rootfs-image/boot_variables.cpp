#include "modules/rootfs-image/boot_variables.hpp"

#include <charconv>
#include <optional>

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Result;
using module::Status;

constexpr const char* kPart = "mender_boot_part";
constexpr const char* kPartHex = "mender_boot_part_hex";
constexpr const char* kTrial = "upgrade_available";
constexpr const char* kCount = "bootcount";

std::string value_of(const Variables& variables, const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

// As Mender's clients write it: "10" -> "A".
std::string hexadecimal(const std::string& decimal) {
  unsigned number = 0;
  const auto [end, error] =
      std::from_chars(decimal.data(), decimal.data() + decimal.size(), number);
  if (error != std::errc{} || end != decimal.data() + decimal.size()) return decimal;
  std::string text(8, '\0');
  const auto written = std::to_chars(text.data(), text.data() + text.size(), number, 16);
  text.resize(static_cast<std::size_t>(written.ptr - text.data()));
  return text;
}

class VariableBoot final : public BootEnvironment {
 public:
  VariableBoot(std::unique_ptr<VariableStore> store, BootValues values)
      : store_{std::move(store)}, values_{std::move(values)} {}

  [[nodiscard]] std::string name() const override { return store_->name(); }

  Result<BootState> read() override {
    PATCHBAY_TRY(const auto variables, store_->read());
    PATCHBAY_CHECK(check_canary(variables));
    has_hexadecimal_ = store_->belongs_to_uboot() || variables.contains(kPartHex);
    return state_of(variables);
  }
  Status try_once(Slot slot) override { return set(slot, "1"); }
  Status keep(Slot slot) override { return set(slot, "0"); }

 private:
  // What U-Boot itself has stored at its first boot is missing where the tools look elsewhere.
  [[nodiscard]] Status check_canary(const Variables& variables) const {
    if (!store_->belongs_to_uboot() || value_of(variables, "mender_check_saveenv_canary") != "1" ||
        value_of(variables, "mender_saveenv_canary") == "1")
      return Done{};
    return Error{name() +
                 ": U-Boot should have set mender_saveenv_canary=1 when it booted, and it "
                 "is not there: either U-Boot's environment is not where "
                 "/etc/fw_env.config says, or its boot script does not run mender_setup"};
  }

  [[nodiscard]] Result<BootState> state_of(const Variables& variables) const {
    const auto part = value_of(variables, kPart);
    const bool is_a = part == values_[0];
    if (!is_a && part != values_[1])
      return Error{name() + ": " + kPart + " is '" + part + "', but the slots are '" + values_[0] +
                   "' (A) and '" + values_[1] + "' (B); set it to the one that is running"};
    return BootState{is_a ? Slot::a : Slot::b, value_of(variables, kTrial) == "1"};
  }

  Status set(Slot slot, const std::string& trial) {
    if (!has_hexadecimal_) PATCHBAY_CHECK(read());
    const auto& value = values_[slot == Slot::a ? 0 : 1];
    Variables wanted{{kPart, value}, {kTrial, trial}, {kCount, "0"}};
    if (*has_hexadecimal_) wanted[kPartHex] = hexadecimal(value);
    PATCHBAY_CHECK(store_->write(wanted).context(name()));
    return check(wanted);
  }

  Status check(const Variables& wanted) {
    PATCHBAY_TRY(const auto have, store_->read());
    for (const auto& [variable, value] : wanted) {
      if (value_of(have, variable.c_str()) != value)
        return Error{name() + ": " + variable + " was set to '" + value + "', and reads '" +
                     value_of(have, variable.c_str()) + "'"};
    }
    return Done{};
  }

  std::unique_ptr<VariableStore> store_;
  BootValues values_;
  std::optional<bool> has_hexadecimal_;  ///< whether kPartHex goes with kPart; none: not read yet
};

}  // namespace

std::unique_ptr<BootEnvironment> boot_from_variables(std::unique_ptr<VariableStore> store,
                                                     BootValues values) {
  return std::make_unique<VariableBoot>(std::move(store), std::move(values));
}

}  // namespace patchbay::rootfs_image
