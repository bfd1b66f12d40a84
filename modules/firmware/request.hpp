#pragma once

#include <string>

#include "patchbay/context.hpp"
#include "patchbay/result.hpp"

namespace patchbay::firmware {

/// Stands for whatever version devices will say they have. No version is called that.
inline constexpr const char* kAnyVersion = "*";

/// What the artifact wants; all of it from meta-data.
struct Request {
  std::string kind;     ///< which description of the device is meant; empty: the only one
  std::string version;  ///< what the devices say afterwards; empty: not said
  bool allow_downgrade = false;
  bool demonstration = false;  ///< payload type `dfu`: one file for the only kind of USB DFU device
};

/// Reads meta-data and payload type. Keys that are not ours are left alone; errors name the key.
module::Result<Request> read_request(const module::Context& context);

/// The only payload file. Errors: none, several, an empty one.
module::Result<module::PayloadFile> find_firmware(const module::Context& context);

/// Whether `text` is made of letters, digits and . _ + ~ : - only, does not begin with '-' or '.',
/// and has 1 to 64 characters: safe as an argument and as part of a file name.
bool is_word(const std::string& text);

}  // namespace patchbay::firmware
