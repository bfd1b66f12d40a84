#pragma once

#include <string_view>

namespace patchbay::firmware {

/// Negative, 0 or positive: whether `a` is older than `b`, as good, or newer.
///
/// Both are cut into runs of digits and of other characters. Digits compare as numbers of any
/// length, others bytewise; a number is newer than letters ("1.0.1" than "1.0.rc"), and what goes
/// on is newer than what ends, unless it goes on with '~' or '-' ("1.0-rc1" is older than "1.0").
int compare_versions(std::string_view a, std::string_view b);

}  // namespace patchbay::firmware
