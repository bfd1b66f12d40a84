#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"

/// Internal to core/fetch.
namespace patchbay::fetch {

/// The system's certificates and those of `files` after them, as one PEM text. libcurl takes one
/// bundle only, so adding means joining. `library_default` is the bundle that libcurl would use
/// itself (may be empty). A file that is missing or holds no certificate is an error naming it.
Result<std::string> trusted_bundle(const std::vector<std::string>& files,
                                   const std::string& library_default);

}  // namespace patchbay::fetch
