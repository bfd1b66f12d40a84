#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modules/firmware/request.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// What can be done with a device.
enum class Step : std::uint8_t { version, enter, write, verify, reset, restore, read };
inline constexpr std::array kStepNames{"version", "enter",   "write", "verify",
                                       "reset",   "restore", "read"};
inline constexpr std::size_t kSteps = kStepNames.size();

/// A program that carries a step out. `{NAME}` in an argument stands for a value.
struct Command {
  std::vector<std::string> argv;
  std::chrono::milliseconds limit{};
  int good_code = 0;  ///< an exit code that is as good as 0
};

/// One thing with firmware in it.
struct Device {
  std::string name;                           ///< a word; unique among those of its kind
  std::map<std::string, std::string> values;  ///< its keys in the description, `name` included
};

/// One kind of device, as the person who built the machine describes it in
/// `<configuration>/firmware.d/<kind>.yaml`; README.md lists the keys.
struct Description {
  enum class Driver : std::uint8_t { commands, serial, dfu, fwupd };

  std::string kind;
  std::string path;  ///< of the file, for messages
  Driver driver = Driver::commands;
  std::vector<Device> devices;  ///< at least one, in the order in which they are updated
  std::array<std::optional<Command>, kSteps> steps;

  std::string factory_image;    ///< firmware that devices came with, on the disk; empty: none
  std::string factory_version;  ///< its version
  std::chrono::milliseconds settle{};  ///< how long a device may take to come back
  std::chrono::milliseconds answer{};  ///< serial: how long one answer may take
  std::chrono::milliseconds erase{};   ///< serial: how long erasing may take
  unsigned baud = 115200;              ///< serial
  bool read_back = false;              ///< dfu: read the firmware back and compare

  [[nodiscard]] const std::optional<Command>& step(Step step) const {
    return steps.at(static_cast<std::size_t>(step));
  }
};

/// The description that a request means. Errors name the file, the line, and what would be right.
module::Result<Description> find_description(const Request& request);

/// Where the module keeps firmware: `<data store>/firmware`.
std::string store_directory();

}  // namespace patchbay::firmware
