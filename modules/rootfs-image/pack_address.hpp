#pragma once

#include <string>

#include "patchbay/result.hpp"

namespace patchbay::rootfs_image {

/// Whether a pack may be fetched from there: http or https, a host, no name or password, nothing
/// that a URL has to have in another form. The error says what is wrong with it.
module::Status check_pack_address(const std::string& url);

}  // namespace patchbay::rootfs_image
