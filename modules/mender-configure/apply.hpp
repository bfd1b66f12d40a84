#pragma once

#include <cstdint>
#include <string>

#include "patchbay/result.hpp"

/// The configuration document of a device, and the scripts that make it true.
namespace patchbay::mender_configure {

/// What the scripts said.
enum class Applied : std::uint8_t { now, after_reboot };

/// The document: /var/lib/mender-configure/device-config.json.
std::string document_path();
/// Whether there is any script; the error says where they belong.
module::Status require_scripts();
/// Runs every script with the path of `document`, in the order of their names: all of them, also
/// after a failure, which is the result then. Exit code 20 asks for a reboot.
module::Result<Applied> apply(const std::string& document);

/// Whether `text` is a configuration: a JSON object of strings.
module::Status check_document(const std::string& text);

}  // namespace patchbay::mender_configure
