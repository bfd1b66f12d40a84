#pragma once

#include <cstdint>
#include <string>

#include "core/base/bytes.hpp"

/// The pieces of the tar archives we write: POSIX ustar, with a pax header before an entry of 8 GiB
/// or more, and a GNU long name or link before one that does not fit. (Their bytes mean the same to
/// every reader; pax names are converted by some.)
namespace patchbay::artifact {

/// Entries of this size or more need a pax header: ustar has 11 octal digits.
inline constexpr std::uint64_t kUstarSizeLimit = std::uint64_t{1} << 33U;

enum class SizeRecord : std::uint8_t { when_needed, always };

struct TarMember {
  std::string name;
  std::uint64_t size = 0;
  unsigned mode = 0600;
  std::uint64_t mtime = 0;  ///< seconds since 1970
  char type = '0';          ///< '0' regular file, '2' symbolic link, '5' directory
  std::string link;         ///< where a symbolic link leads
  unsigned uid = 0, gid = 0;
  std::string user, group;  ///< names, at most 31 bytes of ASCII
  /// `always` makes the header 1536 bytes for every size, for a size that is filled in later.
  SizeRecord size_record = SizeRecord::when_needed;
};

/// The header blocks in front of the entry's content.
std::string tar_header_text(const TarMember& entry);

/// How many zeros go behind `size` bytes of content.
std::size_t tar_padding(std::uint64_t size);

/// The end of an archive: two blocks of zeros.
inline constexpr std::size_t kTarEndBytes = 1024;

/// A whole entry with its content, for what is small enough to be in memory.
std::string tar_entry_text(const TarMember& entry, std::string_view content);

}  // namespace patchbay::artifact
