#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay {

using ByteSpan = std::span<const std::byte>;
using ByteVector = std::vector<std::byte>;

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;

/// The formats and the plugin interface count bytes in 64 bits; where a pointer has 32, memory ends
/// before that does.
constexpr std::size_t in_memory(std::uint64_t count) {
  return count > SIZE_MAX ? SIZE_MAX : static_cast<std::size_t>(count);
}

inline ByteSpan as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(ByteSpan bytes);

/// "1.5 GiB", "12 KiB", "7 bytes": for people.
std::string human_size(std::uint64_t bytes);

/// `text` with control characters and invalid UTF-8 shown as \xNN and cut to `limit` bytes (an
/// ellipsis tells), so that a hostile name cannot garble a terminal or a log.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace patchbay
