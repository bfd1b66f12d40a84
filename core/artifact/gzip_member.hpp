#pragma once

#include <cstdint>

#include "core/artifact/buffered_source.hpp"

namespace patchbay::artifact {

/// Where a gzip decoder stands between members.
enum class Member : std::uint8_t { first, later };

/// Whether a gzip member starts at the front of `input`; false at the end of the input after the
/// last member. Anything else is an error that says what was found.
Result<bool> gzip_member_follows(BufferedSource& input, Member member);

/// The error for input that ends inside a member, and for what a decoder found to be broken.
Error gzip_truncated();
Error gzip_broken(std::string_view why);

}  // namespace patchbay::artifact
