#include "core/artifact/buffered_source.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace patchbay::artifact {

BufferedSource::BufferedSource(ByteSource& source, std::size_t capacity)
    : source_{source},
      capacity_{capacity},
      buffer_{std::make_unique_for_overwrite<std::byte[]>(capacity)} {
}

Result<std::size_t> BufferedSource::read(std::span<std::byte> out) {
  if (begin_ == end_ && input_ == Input::open && out.size() >= capacity_) {
    PB_TRY(const std::size_t count, source_.read(out));
    if (count == 0) input_ = Input::ended;
    return count;
  }
  PB_TRY(const ByteSpan bytes, peek());
  const std::size_t count = std::min(bytes.size(), out.size());
  std::copy_n(bytes.begin(), count, out.begin());
  consume(count);
  return count;
}

Status BufferedSource::skip(std::uint64_t count) {
  const auto here = std::min<std::uint64_t>(count, end_ - begin_);
  consume(static_cast<std::size_t>(here));
  return count == here ? Status{Done{}} : source_.skip(count - here);
}

void BufferedSource::consume(std::size_t count) {
  assert(count <= end_ - begin_);
  begin_ += count;
}

Result<ByteSpan> BufferedSource::peek_at_least(std::size_t count) {
  assert(count <= capacity_);
  if (end_ - begin_ >= count) return buffered();
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < count && input_ == Input::open) {
    PB_TRY(const std::size_t got, source_.read({buffer_.get() + end_, capacity_ - end_}));
    if (got == 0) input_ = Input::ended;
    end_ += got;
  }
  return buffered();
}

}  // namespace patchbay::artifact
