#include "core/artifact/tar_writer.hpp"

#include <algorithm>
#include <numeric>

namespace patchbay::artifact {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytes = 100;
constexpr std::uint64_t kMostTime = (std::uint64_t{1} << 33U) - 1;

std::string octal(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (auto it = text.rbegin(); it != text.rend(); ++it, value >>= 3U)
    *it = static_cast<char>('0' + (value & 7U));
  return text;
}

std::string ustar_block(const TarMember& entry, char type) {
  std::string block(kBlock, '\0');
  const auto put = [&](std::size_t at, std::string_view text) {
    block.replace(at, text.size(), text);
  };
  put(0, std::string_view{entry.name}.substr(0, kNameBytes));
  put(100, octal(entry.mode, 7));
  put(108, octal(entry.uid, 7));
  put(116, octal(entry.gid, 7));
  put(124, octal(entry.size, 11));
  put(136, octal(std::min(entry.mtime, kMostTime), 11));
  put(148, "        ");  // the checksum counts itself as blanks
  block[156] = type;
  put(157, std::string_view{entry.link}.substr(0, kNameBytes));
  put(257, {"ustar\00000", 8});
  put(265, entry.user);
  put(297, entry.group);
  put(329, octal(0, 7));
  put(337, octal(0, 7));
  const auto sum = std::accumulate(
      block.begin(), block.end(), std::uint64_t{0},
      [](std::uint64_t total, char c) { return total + static_cast<unsigned char>(c); });
  put(148, octal(sum, 6) + '\0' + ' ');
  return block;
}

/// "19 size=8589934592\n": the number in front counts the whole record, itself included.
std::string pax_record(std::string_view key, const std::string& value) {
  const std::string rest = " " + std::string{key} + "=" + value + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length)
    ++length;
  return std::to_string(length) + rest;
}

std::string pax_name(const std::string& name) {
  const auto slash = name.rfind('/');
  const auto base = slash == std::string::npos ? 0 : slash + 1;
  return (name.substr(0, base) + "PaxHeaders.0/" + name.substr(base)).substr(0, kNameBytes);
}

/// A GNU entry whose content is the name ('L') or the link ('K') of the entry behind it.
std::string long_text(const std::string& text, char type) {
  TarMember member;
  member.name = "././@LongLink";
  member.mode = 0;
  member.size = text.size() + 1;
  return ustar_block(member, type) + text + '\0' + std::string(tar_padding(member.size), '\0');
}

std::string header_with_size(const TarMember& entry) {
  if (entry.size < kUstarSizeLimit && entry.size_record == SizeRecord::when_needed)
    return ustar_block(entry, entry.type);
  const std::string record = pax_record("size", std::to_string(entry.size));
  TarMember pax;
  pax.name = pax_name(entry.name);
  pax.size = record.size();
  pax.mode = 0;
  TarMember plain = entry;
  if (plain.size >= kUstarSizeLimit) plain.size = 0;
  return ustar_block(pax, 'x') + record + std::string(tar_padding(record.size()), '\0') +
         ustar_block(plain, entry.type);
}

}  // namespace

std::string tar_header_text(const TarMember& entry) {
  std::string text;
  if (entry.link.size() > kNameBytes) text += long_text(entry.link, 'K');
  if (entry.name.size() > kNameBytes) text += long_text(entry.name, 'L');
  return text + header_with_size(entry);
}

std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((kBlock - size % kBlock) % kBlock);
}

std::string tar_entry_text(const TarMember& entry, std::string_view content) {
  TarMember sized = entry;
  sized.size = content.size();
  return tar_header_text(sized) + std::string{content} +
         std::string(tar_padding(content.size()), '\0');
}

}  // namespace patchbay::artifact
