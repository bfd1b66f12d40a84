#pragma once

#include <string>

#include "modules/encrypted/settings.hpp"

namespace patchbay::encrypted {

inline constexpr std::string_view kSuffix = ".encrypted";

/// "single-file" of "single-file.encrypted". Errors: `type` has no suffix, or more than one.
module::Result<std::string> plain_type_of(const std::string& type);

/// The program that installs payloads of the plain type: beside `self`, the path by which this
/// module was started, or in a directory of the settings. As strict as the client about who can
/// change it.
module::Result<std::string> find_plain_module(const std::string& plain_type,
                                              const std::string& self, const Settings& settings);

}  // namespace patchbay::encrypted
