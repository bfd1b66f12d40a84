#include "modules/firmware/driver.hpp"

#include <algorithm>

#include "modules/firmware/drivers.hpp"

namespace patchbay::firmware {
namespace {

using module::Error;
using module::Result;
using module::Status;

/// Another driver, some of whose steps are replaced by commands of the description.
class WithCommands final : public Driver {
 public:
  WithCommands(const Description& description, const Device& device, std::unique_ptr<Driver> driver)
      : description_{description}, device_{device}, driver_{std::move(driver)} {}

  Status check_programs() override {
    for (const auto& command : description_.steps)
      if (command) PATCHBAY_CHECK(check_program(*command));
    return driver_->check_programs();
  }
  Result<std::string> version() override {
    const auto& command = description_.step(Step::version);
    if (!command) return driver_->version();
    PATCHBAY_TRY(const auto output, output_of(*command, device_));
    return parse_version(output);
  }
  Status check_room(std::uint64_t bytes) override { return driver_->check_room(bytes); }
  Status enter() override {
    const auto& command = description_.step(Step::enter);
    return command ? run_command(*command, device_, {}) : driver_->enter();
  }
  Status write(const Image& image, const Progress& progress) override {
    const auto& command = description_.step(Step::write);
    return command ? run_command(*command, device_, image) : driver_->write(image, progress);
  }
  Status verify(const Image& image) override {
    const auto& command = description_.step(Step::verify);
    return command ? run_command(*command, device_, image) : driver_->verify(image);
  }
  Status reset() override {
    const auto& command = description_.step(Step::reset);
    return command ? run_command(*command, device_, {}) : driver_->reset();
  }
  Result<bool> read(const std::string& path) override {
    const auto& command = description_.step(Step::read);
    if (!command) return driver_->read(path);
    PATCHBAY_CHECK(run_command(*command, device_, {.path = path}));
    return true;
  }

 private:
  const Description& description_;
  const Device& device_;
  std::unique_ptr<Driver> driver_;
};

std::unique_ptr<Driver> make_plain_driver(const Description& description, const Device& device) {
  switch (description.driver) {
    case Description::Driver::serial:
      return make_serial_driver(description, device);
    case Description::Driver::dfu:
      return make_dfu_driver(description, device);
    case Description::Driver::fwupd:
      return make_fwupd_driver(description, device);
    case Description::Driver::commands:
      break;
  }
  return nullptr;
}

/// The end of the chain for a device of which every step is a command: what is not given is nothing
/// to do; `version` and `write` always are given.
class NoDriver final : public Driver {
 public:
  Result<std::string> version() override { return Error{"there is no command for the version"}; }
  Status write(const Image&, const Progress&) override {
    return Error{"there is no command that writes"};
  }
};

}  // namespace

std::unique_ptr<Driver> make_driver(const Description& description, const Device& device) {
  auto plain = make_plain_driver(description, device);
  if (plain == nullptr) plain = std::make_unique<NoDriver>();
  return std::make_unique<WithCommands>(description, device, std::move(plain));
}

Result<std::string> parse_version(const std::string& output) {
  constexpr std::size_t kLongest = 64;
  auto version = output.substr(0, output.find('\n'));
  while (!version.empty() && (version.back() == ' ' || version.back() == '\r'))
    version.pop_back();
  const bool printable =
      std::all_of(version.begin(), version.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (version.size() <= kLongest && printable) return version;
  return Error{"the device says it has a version that cannot be one (" +
               std::to_string(version.size()) + " bytes)"};
}

}  // namespace patchbay::firmware
