#include "core/artifact/gzip_member.hpp"

#include "core/artifact/content_hint.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kFixedHeader = 10;
constexpr auto kId1 = std::byte{0x1F};
constexpr auto kId2 = std::byte{0x8B};
constexpr auto kDeflate = std::byte{8};
constexpr auto kReservedFlags = std::byte{0xE0};

Error invalid(std::string message) {
  return {ErrorCode::invalid_input, std::move(message)};
}

}  // namespace

Result<bool> gzip_member_follows(BufferedSource& input, Member member) {
  PB_TRY(const ByteSpan front, input.peek_at_least(kFixedHeader));
  if (front.empty() && member == Member::later) return false;
  if (front.empty()) return invalid("gzip: empty");
  const bool gzip = front[0] == kId1 && (front.size() < 2 || front[1] == kId2);
  if (!gzip && member == Member::later) {
    return invalid("gzip: bytes follow the end of the compressed data");
  }
  if (!gzip) {
    const std::string hint = content_hint(front);
    return invalid("its name says gzip, but the content is not" +
                   (hint.empty() ? "" : ": " + hint));
  }
  if (front.size() < kFixedHeader) return gzip_truncated();
  if (front[2] != kDeflate || (front[3] & kReservedFlags) != std::byte{0}) {
    return invalid("gzip: unknown method or flags in the header");
  }
  return true;
}

Error gzip_truncated() {
  return invalid("gzip: truncated: the input ends inside the compressed data");
}

Error gzip_broken(std::string_view why) {
  return invalid("gzip: broken compressed data: " + std::string{why});
}

}  // namespace patchbay::artifact
