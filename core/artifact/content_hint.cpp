#include "core/artifact/content_hint.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace patchbay::artifact {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view what;
};

constexpr std::array kMagics{
    Magic{"\x1f\x8b"sv, "gzip data"},
    Magic{"\xfd\x37zXZ\0"sv, "xz data"},
    Magic{"\x28\xb5\x2f\xfd"sv, "zstd data"},
    Magic{"BZh"sv, "bzip2 data"},
    Magic{"\x5d\0\0"sv, "old-style .lzma data"},
    Magic{"PK\x03\x04"sv, "a zip archive"},
    Magic{"\x7f"
          "ELF"sv,
          "a program (ELF)"},
    Magic{"hsqs"sv, "a squashfs image"},
    Magic{"\xeb\x3c\x90"sv, "a disk image"},
    Magic{"070701"sv, "a cpio archive (an .swu file?)"},
    Magic{"!<arch>"sv, "a Debian package or ar archive"},
};

bool is_text(std::string_view front) {
  return std::all_of(front.begin(), front.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte < 0x7F : (c == '\n' || c == '\r' || c == '\t');
  });
}

bool looks_like_html(std::string_view front) {
  std::string lower{front.substr(0, 16)};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<?xml");
}

}  // namespace

std::string content_hint(ByteSpan front) {
  const std::string_view text = as_text(front);
  const auto* magic = std::find_if(kMagics.begin(), kMagics.end(), [&](const Magic& candidate) {
    return text.starts_with(candidate.bytes);
  });
  if (magic != kMagics.end()) return "it is " + std::string{magic->what};

  const std::string_view start = text.substr(0, std::min<std::size_t>(text.size(), 24));
  if (start.empty() || !is_text(start.substr(0, 14))) return {};
  std::string hint = "it starts with \"" + printable(start.substr(0, 14)) + "\"";
  if (looks_like_html(start)) hint += " (a web page?)";
  return hint;
}

}  // namespace patchbay::artifact
