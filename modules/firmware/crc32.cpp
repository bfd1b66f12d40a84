#include "modules/firmware/crc32.hpp"

#include <array>

namespace patchbay::firmware {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? value >> 1U ^ kPolynomial : value >> 1U;
    table.at(byte) = value;
  }
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32(std::span<const char> bytes, std::uint32_t before) {
  std::uint32_t value = ~before;
  for (const char byte : bytes)
    value = kTable[(value ^ static_cast<unsigned char>(byte)) & 0xFFU] ^ value >> 8U;
  return ~value;
}

}  // namespace patchbay::firmware
