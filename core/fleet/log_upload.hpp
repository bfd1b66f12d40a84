#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace patchbay::fleet {

/// The most bytes of messages in an upload; servers take a body of 1 MiB.
inline constexpr std::size_t kMostLogBytes = 1'000'000 - 256;

/// The body that takes a deployment's log to the server: `{"messages": [...]}` with `timestamp`,
/// `level` and `message` of every line of `log` (one JSON object a line). The oldest lines go when
/// it is too long; a line that is no such object is replaced by one that says so. Empty when there
/// is no line: servers want one at least.
std::string log_upload(std::string_view log, std::size_t most_bytes = kMostLogBytes);

}  // namespace patchbay::fleet
