#pragma once

#include <memory>

#include "modules/firmware/driver.hpp"

/// The drivers; make_driver() chooses.
namespace patchbay::firmware {

/// A boot loader that speaks docs/serial-boot-loader.md.
std::unique_ptr<Driver> make_serial_driver(const Description& description, const Device& device);
/// dfu-util and fwupdtool; commands of the description go before their own.
std::unique_ptr<Driver> make_dfu_driver(const Description& description, const Device& device);
std::unique_ptr<Driver> make_fwupd_driver(const Description& description, const Device& device);

}  // namespace patchbay::firmware
