#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"

/// The pieces of a tar archive: 512-byte headers and the records of extended headers. Pure
/// functions; TarReader puts them together.
namespace patchbay::artifact {

inline constexpr std::size_t kTarBlock = 512;

/// Largest size of an entry we represent: what a signed 64-bit offset can say.
inline constexpr std::uint64_t kMaxEntrySize = 0x7FFF'FFFF'FFFF'FFFF;

/// What one header block says, before extended headers are applied.
struct TarHeader {
  std::string name;
  std::uint64_t size = 0;
  char type = '0';         ///< '0' also for the NUL of v7
  unsigned mode = 0;       ///< permission bits, with set-uid, set-gid and sticky; 0 when unreadable
  std::int64_t mtime = 0;  ///< seconds since 1970; 0 when unreadable
};

/// Parses one header block: ustar, GNU or v7. Refuses a wrong header checksum, numbers that are not
/// numbers, negative sizes, and text behind the NUL that ends a name. `block` has 512 bytes and is
/// not all zeros.
Result<TarHeader> parse_tar_header(ByteSpan block);

/// The records of a pax extended header that matter here; all others are ignored.
struct PaxRecords {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t> mtime;  ///< whole seconds; what cannot be read counts as absent
};

/// Parses the body of a pax extended header ("LEN key=value\n"...). Refuses malformed records,
/// repeated path or size, and sparse files.
Result<PaxRecords> parse_pax_records(std::string_view body);

/// The name in the body of a GNU long name entry: up to the NULs at the end.
Result<std::string> parse_gnu_long_name(std::string_view body);

/// "a symbolic link", "a directory", ...: what a type flag stands for, for messages.
std::string describe_tar_type(char type);

}  // namespace patchbay::artifact
