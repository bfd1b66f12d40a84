#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/artifact/view_source.hpp"
#include "core/os/huge_buffer.hpp"

namespace patchbay::artifact {

/// Reads a ByteSource ahead on a thread of its own, through a few fixed buffers, so that reading
/// and decompressing overlap with what the consumer does. Memory: kSlots * kSlotBytes.
class Ring final : public ViewSource {
 public:
  static constexpr std::size_t kSlotBytes = 512 * kKiB;
  /// One of its own, which is enough for a small payload, and as many as a huge page holds.
  static constexpr std::size_t kSlots = 1 + os::HugeBuffer::kUnit / kSlotBytes;
  /// Bytes that have been consumed keep their place until so many more slots have been consumed:
  /// who works on them elsewhere may be so far behind.
  static constexpr std::size_t kKept = 2;

  /// Fills the first slot, and starts the thread unless that was all: a small payload costs none.
  /// From now on `producer` belongs to the ring and must outlive it.
  static Result<std::unique_ptr<Ring>> start(ByteSource& producer);

  /// Ends reading ahead, before its end if need be. The error of the producer, if there was one.
  /// Only to be destroyed afterwards.
  Status stop();

  /// Stops the thread and waits for it; a read() of the producer that is under way is not
  /// interrupted.
  ~Ring() override;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  Result<std::size_t> read(std::span<std::byte> out) override;
  /// The end and errors come up after everything that was read before them.
  Result<ByteSpan> peek() override;
  void consume(std::size_t count) override;

 private:
  struct Slot {
    std::byte* bytes = nullptr;
    std::size_t size = 0;
  };

  explicit Ring(ByteSource& producer);
  void allocate_the_rest();
  void produce();
  bool produce_slot(std::size_t index);  ///< false: there is nothing more to come
  std::optional<std::size_t> wait_for_free_slot();
  Result<std::size_t> fill(Slot& slot);
  void publish(std::size_t size, bool more, std::optional<Error> error);

  ByteSource& producer_;
  std::unique_ptr<std::byte[]> first_;  ///< memory of slot 0
  os::HugeBuffer rest_;                 ///< memory of the others
  std::array<Slot, kSlots> slots_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_. Slots are numbered on and on; the buffer of slot n is n % kSlots.
  std::size_t filled_ = 0;  ///< slots published so far
  std::size_t taken_ =
      0;                ///< slots consumed so far; the last kKept of them are not yet filled anew
  bool ended_ = false;  ///< nothing more will be published
  std::optional<Error> error_;
  std::atomic<bool> stop_ = false;  ///< written under mutex_; the thread also reads it without

  std::size_t offset_ = 0;     ///< consumer: bytes taken of slot taken_
  std::size_t available_ = 0;  ///< consumer: filled_ as last seen, to take the mutex rarely
  std::thread thread_;
};

}  // namespace patchbay::artifact
