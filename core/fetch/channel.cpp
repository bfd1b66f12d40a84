#include "core/fetch/channel.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/byte_source.hpp"

namespace patchbay::fetch {

void Channel::open(std::optional<std::uint64_t> size) {
  const std::scoped_lock lock{mutex_};
  opened_ = true;
  size_ = size;
  for_reader_.notify_all();
}

Channel::Reader Channel::push(ByteSpan bytes) {
  std::unique_lock lock{mutex_};
  while (!bytes.empty()) {
    for_writer_.wait(lock, [this] { return filled_ < ring_.size() || reader_ == Reader::gone; });
    if (reader_ == Reader::gone) return Reader::gone;
    if (to_skip_ > 0) {
      bytes = bytes.subspan(in_memory(pass_over(bytes.size())));
      continue;
    }
    const auto end = (begin_ + filled_) % ring_.size();
    const auto in_a_row = std::min(ring_.size() - filled_, ring_.size() - end);
    const auto count = std::min(bytes.size(), in_a_row);
    std::memcpy(ring_.data() + end, bytes.data(), count);
    filled_ += count;
    bytes = bytes.subspan(count);
    for_reader_.notify_one();
  }
  return reader_;
}

std::uint64_t Channel::to_skip() const {
  const std::scoped_lock lock{mutex_};
  return to_skip_;
}

void Channel::leave_out(std::uint64_t count) {
  const std::scoped_lock lock{mutex_};
  pass_over(count);
}

/// How many of the next `count` bytes the reader does not want.
std::uint64_t Channel::pass_over(std::uint64_t count) {
  const auto unwanted = std::min(count, to_skip_);
  to_skip_ -= unwanted;
  if (to_skip_ == 0) for_reader_.notify_one();
  return unwanted;
}

void Channel::close(Status end) {
  const std::scoped_lock lock{mutex_};
  end_.emplace(std::move(end));
  for_reader_.notify_all();
}

Channel::Reader Channel::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock{mutex_};
  for_writer_.wait_for(lock, duration, [this] { return reader_ == Reader::gone; });
  return reader_;
}

Channel::Reader Channel::reader() const {
  const std::scoped_lock lock{mutex_};
  return reader_;
}

Result<std::optional<std::uint64_t>> Channel::wait_open() {
  std::unique_lock lock{mutex_};
  for_reader_.wait(lock, [this] { return opened_ || end_; });
  if (!opened_ && end_ && !*end_) return Error{end_->error()};
  return size_;
}

Result<std::size_t> Channel::pull(std::span<std::byte> buffer) {
  std::unique_lock lock{mutex_};
  for_reader_.wait(lock, [this] { return filled_ > 0 || end_; });
  if (filled_ == 0) {
    if (!*end_) return Error{end_->error()};
    return std::size_t{0};
  }
  const auto count = std::min({buffer.size(), filled_, ring_.size() - begin_});
  std::memcpy(buffer.data(), ring_.data() + begin_, count);
  drop(count);
  return count;
}

Status Channel::skip(std::uint64_t count) {
  std::unique_lock lock{mutex_};
  const auto buffered = static_cast<std::size_t>(std::min<std::uint64_t>(count, filled_));
  drop(buffered);
  to_skip_ = count - buffered;
  for_reader_.wait(lock, [this] { return to_skip_ == 0 || end_; });
  if (to_skip_ == 0) return Done{};
  if (!*end_) return Error{end_->error()};
  return ends_early(to_skip_);
}

void Channel::drop(std::size_t count) {
  begin_ = (begin_ + count) % ring_.size();
  filled_ -= count;
  for_writer_.notify_one();
}

void Channel::abandon() {
  const std::scoped_lock lock{mutex_};
  reader_ = Reader::gone;
  for_writer_.notify_all();
}

}  // namespace patchbay::fetch
