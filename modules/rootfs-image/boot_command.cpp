#include <sstream>

#include "modules/rootfs-image/boot_variables.hpp"

namespace patchbay::rootfs_image {
namespace {

using module::Done;
using module::Error;
using module::Program;
using module::Result;
using module::Status;

constexpr std::chrono::seconds kPatience{60};

class CommandBoot final : public BootEnvironment {
 public:
  explicit CommandBoot(std::string program) : program_{std::move(program)} {}

  [[nodiscard]] std::string name() const override { return "boot command " + program_; }

  Result<BootState> read() override {
    PATCHBAY_TRY(const auto checked, ask({"check"}));
    PATCHBAY_TRY(const auto answer, ask({"status"}));
    return parse(answer);
  }
  Status try_once(Slot slot) override { return set("try", {slot, true}); }
  Status keep(Slot slot) override { return set("keep", {slot, false}); }

 private:
  Status set(const char* verb, BootState wanted) {
    PATCHBAY_TRY(const auto said, ask({verb, letter(wanted.next)}));
    PATCHBAY_TRY(const auto have, read());
    if (have == wanted) return Done{};
    return Error{name() + ": after '" + verb + " " + letter(wanted.next) + "' its status is slot " +
                 letter(have.next) + (have.on_trial ? ", on trial" : "")};
  }

  Result<std::string> ask(std::vector<std::string> arguments) {
    const auto verb = arguments.front();
    PATCHBAY_TRY(auto exit, module::run({.path = program_,
                                         .arguments = std::move(arguments),
                                         .time_limit = kPatience,
                                         .output = Program::Output::capture}));
    if (!exit.success()) return Error{name() + ": " + verb + ": " + exit.describe()};
    return std::move(exit.output);
  }

  // "slot=A" and "trial=0", each on a line
  [[nodiscard]] Result<BootState> parse(const std::string& answer) const {
    std::istringstream lines{answer};
    std::string line;
    std::string slot;
    std::string trial;
    while (std::getline(lines, line)) {
      if (line.starts_with("slot=")) slot = line.substr(5);
      if (line.starts_with("trial=")) trial = line.substr(6);
    }
    if ((slot != "A" && slot != "B") || (trial != "0" && trial != "1"))
      return Error{name() +
                   ": status has to print the lines slot=A or slot=B and trial=0 or "
                   "trial=1; it says '" +
                   answer.substr(0, 80) + "'"};
    return BootState{slot == "A" ? Slot::a : Slot::b, trial == "1"};
  }

  std::string program_;
};

}  // namespace

std::unique_ptr<BootEnvironment> boot_through_command(std::string program) {
  return std::make_unique<CommandBoot>(std::move(program));
}

}  // namespace patchbay::rootfs_image
