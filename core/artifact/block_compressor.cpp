#include "core/artifact/block_compressor.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace patchbay::artifact {
namespace {

constexpr unsigned kMostThreads = 64;
// Blocks are written in order, and some take many times as long as others: with some more on their
// way, nobody waits for the oldest.
constexpr std::size_t kSpareBytes = 6 * kMiB;

/// One block on its way: filled by the caller, encoded by a worker, written by the caller.
struct Slot {
  ByteVector input;
  ByteVector output;
  Status result = Done{};
  bool done = false;
};

class BlockCompressor final : public Compressor {
 public:
  BlockCompressor(std::vector<std::unique_ptr<BlockEncoder>> encoders, std::size_t block_bytes,
                  ByteSink& out)
      : encoders_{std::move(encoders)},
        block_bytes_{block_bytes},
        out_{out},
        slots_(encoders_.size() * 2 + kSpareBytes / block_bytes) {}

  ~BlockCompressor() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    work_.notify_all();
  }
  BlockCompressor(const BlockCompressor&) = delete;
  BlockCompressor& operator=(const BlockCompressor&) = delete;

  Status write(ByteSpan bytes) override {
    while (!bytes.empty()) {
      // A full block is handed on only when more comes: the last one is encoded in finish().
      if (current().input.size() == block_bytes_) PB_CHECK(hand_on());
      ByteVector& input = current().input;
      input.reserve(block_bytes_);
      const ByteSpan piece = bytes.first(std::min(bytes.size(), block_bytes_ - input.size()));
      input.insert(input.end(), piece.begin(), piece.end());
      bytes = bytes.subspan(piece.size());
    }
    return Done{};
  }

  Status finish() override {
    if (workers_.empty()) {
      PB_CHECK(encoders_.front()->encode(current().input, current().output));
      return out_.write(current().output);
    }
    submit();
    while (written_ < filled_)
      PB_CHECK(write_oldest());
    return Done{};
  }

 private:
  Slot& slot(std::size_t number) { return slots_[number % slots_.size()]; }
  Slot& current() { return slot(filled_); }

  Status hand_on() {
    if (workers_.empty()) start_workers();
    submit();
    if (filled_ - written_ == slots_.size()) PB_CHECK(write_oldest());
    current().input.clear();
    return Done{};
  }

  void start_workers() {
    for (const auto& encoder : encoders_)
      workers_.emplace_back([this, &encoder] { encode_until_stopped(*encoder); });
  }

  void submit() {
    {
      const std::lock_guard lock{mutex_};
      current().done = false;
      ++filled_;
    }
    work_.notify_one();
  }

  Status write_oldest() {
    Slot& oldest = slot(written_);
    {
      std::unique_lock lock{mutex_};
      encoded_.wait(lock, [&] { return oldest.done; });
    }
    ++written_;
    PB_CHECK(std::move(oldest.result));
    return out_.write(oldest.output);
  }

  void encode_until_stopped(BlockEncoder& encoder) {
    for (;;) {
      std::unique_lock lock{mutex_};
      work_.wait(lock, [&] { return stopping_ || taken_ < filled_; });
      if (stopping_) return;
      Slot& mine = slot(taken_++);
      lock.unlock();
      Status result = encoder.encode(mine.input, mine.output);
      lock.lock();
      mine.result = std::move(result);
      mine.done = true;
      encoded_.notify_one();
    }
  }

  std::vector<std::unique_ptr<BlockEncoder>> encoders_;  ///< one a thread
  std::size_t block_bytes_;
  ByteSink& out_;
  std::vector<Slot> slots_;

  std::mutex mutex_;
  std::condition_variable work_, encoded_;
  std::size_t filled_ = 0;   ///< blocks handed on; written by the caller's thread under the mutex
  std::size_t taken_ = 0;    ///< blocks a worker has begun with
  std::size_t written_ = 0;  ///< caller's thread only
  bool stopping_ = false;
  std::vector<std::jthread> workers_;  ///< last: joined before the rest goes
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_block_compressor(const MakeBlockEncoder& make_encoder,
                                                          std::size_t block_bytes, unsigned threads,
                                                          ByteSink& out) {
  std::vector<std::unique_ptr<BlockEncoder>> encoders;
  for (unsigned i = 0; i < std::clamp(threads, 1U, kMostThreads); ++i) {
    PB_TRY(auto encoder, make_encoder());
    encoders.push_back(std::move(encoder));
  }
  return std::unique_ptr<Compressor>{
      std::make_unique<BlockCompressor>(std::move(encoders), block_bytes, out)};
}

}  // namespace patchbay::artifact
