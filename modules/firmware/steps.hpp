#pragma once

#include <cstdint>
#include <string>

#include "modules/firmware/description.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// A firmware file.
struct Image {
  std::string path{};
  std::string version{};
  std::uint64_t size = 0;
};

/// The values that do not come from the device's description: image, version, size.
bool is_own_value(const std::string& name);

/// Whether every {NAME} of the command is a value there will be.
module::Status check_values(const Command& command, const Device& device);
/// Whether the command wants a firmware file.
bool wants_image(const Command& command);

/// Whether its program is there. The error names it.
module::Status check_program(const Command& command);

/// Runs it, with its output in the log. A failure is an error that names program and device.
module::Status run_command(const Command& command, const Device& device, const Image& image);
/// What it prints.
module::Result<std::string> output_of(const Command& command, const Device& device);

}  // namespace patchbay::firmware
