#pragma once

#include "core/artifact/tar_writer.hpp"
#include "core/artifact/writer.hpp"

/// Payload files on their way into an artifact.
namespace patchbay::artifact {

/// What the tar header of a payload file says. Nothing is kept open: an artifact may have more
/// files than a process may have descriptors.
Result<TarMember> member_of(const PayloadSpec::File& file, Habits habits);

/// The bytes of a payload file.
Result<std::unique_ptr<ByteSource>> open_content(const PayloadSpec::File& file);

/// Puts attributes into a header, with what it cannot hold left out.
void set_attributes(TarMember& member, const FileAttributes& attributes);

/// Attributes that mender-artifact gives to what it makes itself: now, by the user who runs this.
FileAttributes attributes_of_this_process();

/// `mtime`, or SOURCE_DATE_EPOCH where that is earlier.
std::uint64_t clamped(std::uint64_t mtime);

}  // namespace patchbay::artifact
