#pragma once

#include <cstdint>

#include "modules/containers/http_client.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

/// How many bytes a delta in the format VCDIFF (RFC 3284) says that it makes: the sum over its
/// windows, of which only the heads are looked at. `read` gives the delta from its beginning.
/// Errors: it is none, ends early, or names a number that no file can have.
module::Result<std::uint64_t> decoded_size(const Upload& read);

}  // namespace patchbay::containers
