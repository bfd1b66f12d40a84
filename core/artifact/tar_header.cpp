#include "core/artifact/tar_header.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace patchbay::artifact {
namespace {

using namespace std::string_view_literals;

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

struct Field {
  std::size_t offset;
  std::size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kSize{124, 12};
constexpr Field kModificationTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};
constexpr std::size_t kTypeOffset = 156;

constexpr std::string_view kUstarMagic =
    "ustar\0"sv
    "00"sv;
constexpr std::string_view kGnuMagic = "ustar  \0"sv;
constexpr std::string_view kV7Magic = "\0\0\0\0\0\0\0\0"sv;

std::string_view field_text(std::string_view block, Field field) {
  return block.substr(field.offset, field.length);
}

/// NUL padded text. Bytes behind the first NUL would be a name that only some readers see.
Result<std::string> padded_text(std::string_view field, std::string_view what) {
  const std::size_t end = std::min(field.find('\0'), field.size());
  if (field.find_first_not_of('\0', end) != std::string_view::npos) {
    return invalid("tar header: " + std::string{what} + " \"" + printable(field.substr(0, end)) +
                   "\" is followed by NUL and more text");
  }
  return std::string{field.substr(0, end)};
}

/// Octal digits, blanks in front, NUL or blank behind.
std::optional<std::uint64_t> octal(std::string_view field) {
  const std::size_t begin = field.find_first_not_of(' ');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = std::min(field.find_first_not_of("01234567"sv, begin), field.size());
  if (begin == end || field.find_first_not_of("\0 "sv, end) != std::string_view::npos) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  std::from_chars(field.data() + begin, field.data() + end, value, 8);
  return value;  // at most 12 digits: 36 bits
}

/// GNU's binary numbers: first byte 0x80, then big endian. 0xFF in front means negative.
std::optional<std::uint64_t> base256(std::string_view field) {
  if (static_cast<unsigned char>(field[0]) != 0x80) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : field.substr(1)) {
    if (value > (kMaxEntrySize >> 8)) return std::nullopt;
    value = (value << 8) | static_cast<unsigned char>(c);
  }
  return value;
}

Result<std::uint64_t> parse_size(std::string_view field) {
  const bool binary = (static_cast<unsigned char>(field[0]) & 0x80) != 0;
  const auto value = binary ? base256(field) : octal(field);
  if (value) return *value;
  return invalid("tar header: size \"" + printable(field) + "\" is not a valid number");
}

/// Attributes mean nothing to an update; a field that cannot be read is not worth refusing one.
std::uint64_t attribute(std::string_view block, Field field) {
  const std::string_view text = field_text(block, field);
  const bool binary = (static_cast<unsigned char>(text[0]) & 0x80) != 0;
  return (binary ? base256(text) : octal(text)).value_or(0);
}

Status check_checksum(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kTarBlock; ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    sum += own ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
  }
  const auto stored = octal(field_text(block, kChecksum));
  if (stored == sum) return Done{};
  return invalid("tar header: wrong checksum (want " + std::to_string(sum) + ", have \"" +
                 printable(field_text(block, kChecksum)) + "\")");
}

Result<std::string> full_name(std::string_view block, std::string_view magic) {
  PB_TRY(std::string name, padded_text(field_text(block, kName), "name"));
  if (magic != kUstarMagic) return name;  // GNU and v7 keep other things where the prefix is
  PB_TRY(const std::string prefix, padded_text(field_text(block, kPrefix), "name prefix"));
  return prefix.empty() ? name : prefix + "/" + name;
}

/// Takes one record off the front of `body`.
Result<std::string_view> take_pax_record(std::string_view& body) {
  std::size_t length = 0;
  const auto [digits_end, error] =
      std::from_chars(body.data(), body.data() + body.size(), length, 10);
  const auto digits = static_cast<std::size_t>(digits_end - body.data());
  if (error != std::errc{} || body[0] == '0' || length < digits + 3 || length > body.size() ||
      body[digits] != ' ' || body[length - 1] != '\n') {
    return invalid("tar: malformed pax record \"" + printable(body.substr(0, 40)) + "\"");
  }
  const std::string_view record = body.substr(digits + 1, length - digits - 2);
  body.remove_prefix(length);
  return record;
}

Result<std::uint64_t> parse_pax_size(std::string_view text) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, 10);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      size > kMaxEntrySize) {
    return invalid("tar: pax size \"" + printable(text) + "\" is not a valid number");
  }
  return size;
}

Status apply_pax_record(PaxRecords& records, std::string_view key, std::string_view value) {
  if (key.starts_with("GNU.sparse.")) {
    return invalid("tar: sparse files are not allowed in an artifact (pax record " +
                   printable(key) + ")");
  }
  if ((key == "path" && records.path) || (key == "size" && records.size)) {
    return invalid("tar: pax record " + std::string{key} + " appears twice");
  }
  if (key == "size") {
    PB_TRY(records.size, parse_pax_size(value));
  }
  if (key == "mtime") {
    std::int64_t seconds = 0;  // of "1700000000.25"
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), seconds, 10);
    if (parsed.ec == std::errc{}) records.mtime = seconds;
  }
  if (key == "path") {
    if (value.find('\0') != std::string_view::npos) return invalid("tar: NUL in a pax path");
    records.path = std::string{value};
  }
  return Done{};
}

}  // namespace

Result<TarHeader> parse_tar_header(ByteSpan bytes) {
  assert(bytes.size() == kTarBlock);
  const std::string_view block = as_text(bytes);
  const std::string_view magic = field_text(block, kMagic);
  PB_CHECK(check_checksum(block));
  if (magic != kUstarMagic && magic != kGnuMagic && magic != kV7Magic) {
    return invalid("tar header: unknown dialect \"" + printable(magic) + "\"");
  }

  TarHeader header;
  PB_TRY(header.name, full_name(block, magic));
  PB_TRY(header.size,
         parse_size(field_text(block, kSize)).context("\"" + printable(header.name) + "\""));
  header.mode = static_cast<unsigned>(attribute(block, kMode)) & 07777U;
  header.mtime = static_cast<std::int64_t>(attribute(block, kModificationTime));
  header.type = block[kTypeOffset] == '\0' ? '0' : block[kTypeOffset];
  return header;
}

Result<PaxRecords> parse_pax_records(std::string_view body) {
  PaxRecords records;
  while (!body.empty()) {
    PB_TRY(const std::string_view record, take_pax_record(body));
    const std::size_t equals = record.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return invalid("tar: pax record \"" + printable(record.substr(0, 40)) + "\" has no key");
    }
    PB_CHECK(apply_pax_record(records, record.substr(0, equals), record.substr(equals + 1)));
  }
  return records;
}

Result<std::string> parse_gnu_long_name(std::string_view body) {
  return padded_text(body, "long name");
}

std::string describe_tar_type(char type) {
  struct Row {
    char type;
    std::string_view what;
  };
  static constexpr std::array kRows{
      Row{'0', "a regular file"},
      Row{'1', "a hard link"},
      Row{'2', "a symbolic link"},
      Row{'3', "a character device"},
      Row{'4', "a block device"},
      Row{'5', "a directory"},
      Row{'6', "a fifo"},
      Row{'S', "a sparse file"},
      Row{'g', "a pax global header"},
      Row{'K', "a GNU long link name"},
  };
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.type == type; });
  if (row != kRows.end()) return std::string{row->what};
  return "an entry of unknown type \"" + printable({&type, 1}) + "\"";
}

}  // namespace patchbay::artifact
