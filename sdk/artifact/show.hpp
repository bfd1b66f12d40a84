#pragma once

#include "core/artifact/contents.hpp"

/// What `read` prints, to standard output.
namespace patchbay::artifact_tool {

enum class SignatureShown : std::uint8_t {
  none,       ///< unsigned, and no key was given
  missing,    ///< unsigned, but a key was given
  unchecked,  ///< signed, but no key was given
  verified,   ///< made with one of the keys
  bad,        ///< made with none of the keys, or of another manifest
};

struct Shown {
  const artifact::Contents& contents;
  SignatureShown signature;
};

/// The payload as it is with what the unsigned part of an augmented artifact adds: members of
/// objects are added or replaced, lists replaced.
artifact::PayloadHeader merged(const artifact::PayloadHeader& payload,
                               const artifact::PayloadHeader& augment);

/// For people.
void print_text(const Shown& shown);

/// For programs: one JSON object.
void print_json(const Shown& shown);

/// Line for line as mender-artifact 4 does.
void print_as_mender(const Shown& shown);

/// "2026-11-21 21:01:45": in UTC.
std::string utc_text(std::int64_t seconds);

}  // namespace patchbay::artifact_tool
