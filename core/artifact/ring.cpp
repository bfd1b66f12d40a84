#include "core/artifact/ring.hpp"

#include <algorithm>
#include <cassert>
#include <system_error>

namespace patchbay::artifact {

Ring::Ring(ByteSource& producer)
    : producer_{producer}, first_{std::make_unique_for_overwrite<std::byte[]>(kSlotBytes)} {
  slots_[0].bytes = first_.get();
}

Result<std::unique_ptr<Ring>> Ring::start(ByteSource& producer) {
  std::unique_ptr<Ring> ring{new Ring{producer}};
  if (!ring->produce_slot(0)) return ring;
  ring->allocate_the_rest();
  try {
    ring->thread_ = std::thread{[&self = *ring] { self.produce(); }};
  } catch (const std::system_error& error) {
    return Error::from_errno(error.code().value(), "start the decompression thread");
  }
  return ring;
}

void Ring::allocate_the_rest() {
  rest_ = os::HugeBuffer{os::HugeBuffer::kUnit};
  for (std::size_t i = 1; i < kSlots; ++i)
    slots_[i].bytes = rest_.all().subspan((i - 1) * kSlotBytes).data();
}

Ring::~Ring() {
  static_cast<void>(stop());
}

Status Ring::stop() {
  {
    const std::scoped_lock lock{mutex_};
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return error_ ? Status{*error_} : Status{Done{}};
}

void Ring::produce() {
  while (const auto index = wait_for_free_slot()) {
    if (!produce_slot(*index)) return;
  }
}

bool Ring::produce_slot(std::size_t index) {
  auto size = fill(slots_[index]);
  const bool more = size && *size == kSlotBytes;
  if (!size) {
    publish(slots_[index].size, more, std::move(size).error());
  } else {
    publish(*size, more, std::nullopt);
  }
  return more;
}

std::optional<std::size_t> Ring::wait_for_free_slot() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return stop_ || filled_ - taken_ < kSlots - kKept; });
  if (stop_) return std::nullopt;
  return filled_ % kSlots;
}

/// Fills the slot to the brim unless the stream ends. After an error `slot.size` tells what was
/// read before it.
Result<std::size_t> Ring::fill(Slot& slot) {
  slot.size = 0;
  while (slot.size < kSlotBytes && !stop_) {
    PB_TRY(const std::size_t count,
           producer_.read({slot.bytes + slot.size, kSlotBytes - slot.size}));
    if (count == 0) break;
    slot.size += count;
  }
  return slot.size;
}

void Ring::publish(std::size_t size, bool more, std::optional<Error> error) {
  {
    const std::scoped_lock lock{mutex_};
    if (size > 0) ++filled_;
    ended_ = !more;
    error_ = std::move(error);
  }
  changed_.notify_all();
}

Result<ByteSpan> Ring::peek() {
  if (available_ == taken_) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return filled_ > taken_ || ended_; });
    available_ = filled_;
    if (available_ == taken_ && error_) return *error_;
    if (available_ == taken_) return ByteSpan{};
  }
  const Slot& slot = slots_[taken_ % kSlots];
  return ByteSpan{slot.bytes + offset_, slot.size - offset_};
}

void Ring::consume(std::size_t count) {
  const std::size_t size = slots_[taken_ % kSlots].size;
  assert(offset_ + count <= size);
  offset_ += count;
  if (offset_ < size) return;
  offset_ = 0;
  {
    const std::scoped_lock lock{mutex_};
    ++taken_;
  }
  changed_.notify_all();
}

Result<std::size_t> Ring::read(std::span<std::byte> out) {
  PB_TRY(const ByteSpan bytes, peek());
  const std::size_t count = std::min(bytes.size(), out.size());
  std::copy_n(bytes.begin(), count, out.begin());
  consume(count);
  return count;
}

}  // namespace patchbay::artifact
