#include "core/fetch/channel.hpp"

#include <algorithm>
#include <cstring>

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
  begin_ = (begin_ + count) % ring_.size();
  filled_ -= count;
  for_writer_.notify_one();
  return count;
}

void Channel::abandon() {
  const std::scoped_lock lock{mutex_};
  reader_ = Reader::gone;
  for_writer_.notify_all();
}

}  // namespace patchbay::fetch
