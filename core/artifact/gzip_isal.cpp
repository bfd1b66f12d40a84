#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>

#include "core/artifact/decompress.hpp"
#include "core/artifact/gzip_member.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::size_t kInputBuffer = 128 * kKiB;

std::string_view describe(int code) {
  switch (code) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong check value (CRC or length)";
    default:
      return "invalid header";
  }
}

class IsalDecoder final : public ByteSource {
 public:
  explicit IsalDecoder(ByteSource& input)
      : input_{input, kInputBuffer}, state_{std::make_unique_for_overwrite<inflate_state>()} {
    isal_inflate_init(state_.get());
  }

  Result<std::size_t> read(std::span<std::byte> out) override {
    while (true) {
      if (!in_member_) {
        PB_TRY(in_member_, gzip_member_follows(input_, member_));
        if (!in_member_) return std::size_t{0};
        isal_inflate_reset(state_.get());
        state_->crc_flag = ISAL_GZIP;  // header and trailer are parsed and verified, too
        member_ = Member::later;
      }
      PB_TRY(const std::size_t produced, step(out));
      if (produced > 0) return produced;
    }
  }

 private:
  Result<std::size_t> step(std::span<std::byte> out) {
    PB_TRY(const ByteSpan in, input_.peek());
    const auto room = static_cast<std::uint32_t>(
        std::min<std::size_t>(out.size(), std::numeric_limits<std::int32_t>::max()));
    // The library does not write to its input; its structure just lacks the const.
    state_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(in.data()));
    state_->avail_in = static_cast<std::uint32_t>(in.size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_->avail_out = room;
    const int code = isal_inflate(state_.get());
    if (code < 0 || code == ISAL_NEED_DICT) return gzip_broken(describe(code));

    input_.consume(in.size() - state_->avail_in);
    const std::size_t produced = room - state_->avail_out;
    if (state_->block_state == ISAL_BLOCK_FINISH) {
      in_member_ = false;
    } else if (in.empty() && produced == 0) {
      return gzip_truncated();
    }
    return produced;
  }

  BufferedSource input_;
  std::unique_ptr<inflate_state> state_;  ///< about 90 KiB
  bool in_member_ = false;
  Member member_ = Member::first;
};

}  // namespace

std::unique_ptr<ByteSource> make_isal_decoder(ByteSource& input) {
  return std::make_unique<IsalDecoder>(input);
}

}  // namespace patchbay::artifact
