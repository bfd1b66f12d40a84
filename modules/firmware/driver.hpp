#pragma once

#include <functional>
#include <memory>
#include <string>

#include "modules/firmware/description.hpp"
#include "modules/firmware/steps.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// How far writing is, 0 to 100.
using Progress = std::function<void(unsigned percent)>;

/// One device, and what can be done with it. Each call may be the first: nothing is expected of
/// those before, and a device that has vanished in one may be there again in the next.
class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  /// Whether the programs it needs are there; touches no device.
  virtual module::Status check_programs() { return module::Done{}; }
  /// The version of the device's firmware; empty when it has none and says so. Errors: it does not
  /// answer.
  virtual module::Result<std::string> version() = 0;
  /// Whether firmware of that size has room.
  virtual module::Status check_room(std::uint64_t /*bytes*/) { return module::Done{}; }
  /// Makes the device ready to be written.
  virtual module::Status enter() { return module::Done{}; }
  virtual module::Status write(const Image& image, const Progress& progress) = 0;
  /// Whether what was written is what the device has now.
  virtual module::Status verify(const Image& /*image*/) { return module::Done{}; }
  /// Starts the new firmware.
  virtual module::Status reset() { return module::Done{}; }

  /// Saves the present firmware to `path`, which does not exist; false when this device cannot.
  virtual module::Result<bool> read(const std::string& /*path*/) { return false; }
};

std::unique_ptr<Driver> make_driver(const Description& description, const Device& device);

/// What the first line of `output` says, checked to be a version that can be handled: printable
/// ASCII, at most 64 characters.
module::Result<std::string> parse_version(const std::string& output);

}  // namespace patchbay::firmware
