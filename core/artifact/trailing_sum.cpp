#include "core/artifact/trailing_sum.hpp"

#include <system_error>

namespace patchbay::artifact {

TrailingSum::~TrailingSum() {
  {
    const std::scoped_lock lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status TrailingSum::update(ByteSpan bytes) {
  if (!has_own_thread_ || bytes.size() < kWorthAThread) {
    settle();
    sum_.update(bytes);
    return Done{};
  }
  if (!thread_.joinable()) PB_CHECK(start());
  post(bytes);
  return Done{};
}

Result<Digest> TrailingSum::finish() {
  settle();
  return sum_.finish();
}

Status TrailingSum::start() {
  try {
    thread_ = std::thread{[this] { work(); }};
  } catch (const std::system_error& error) {
    return Error::from_errno(error.code().value(), "start the checksum thread");
  }
  return Done{};
}

void TrailingSum::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || posted_ > summed_; });
    if (stop_) return;
    const ByteSpan piece = pieces_[summed_ % kBehind];
    lock.unlock();
    sum_.update(piece);
    lock.lock();
    ++summed_;
    changed_.notify_all();
  }
}

void TrailingSum::post(ByteSpan bytes) {
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return posted_ - summed_ < kBehind; });
    pieces_[posted_ % kBehind] = bytes;
    ++posted_;
  }
  changed_.notify_all();
}

void TrailingSum::settle() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return posted_ == summed_; });
}

}  // namespace patchbay::artifact
