#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "core/artifact/sha256.hpp"

namespace patchbay::artifact {

/// The SHA-256 of a stream, computed on a thread of its own while the caller hands the same bytes
/// on. The thread starts with the first large piece, so that small files cost none. Where all
/// processors are busy without it, it may be the caller's instead.
///
/// One caller at a time. Bytes given to update() must stay where they are until kBehind further
/// calls of it have returned, or finish() has.
class TrailingSum {
 public:
  static constexpr std::size_t kBehind = 2;
  enum class Thread : std::uint8_t { own, callers };

  explicit TrailingSum(Thread thread = Thread::own) : has_own_thread_{thread == Thread::own} {}
  ~TrailingSum();
  TrailingSum(const TrailingSum&) = delete;
  TrailingSum& operator=(const TrailingSum&) = delete;

  /// Fails when the thread cannot be started.
  Status update(ByteSpan bytes);
  /// The sum of everything since the last finish(); waits for it, and starts anew.
  Result<Digest> finish();

 private:
  static constexpr std::size_t kWorthAThread = 64 * kKiB;

  Status start();
  void work();
  void post(ByteSpan bytes);
  void settle();

  bool has_own_thread_;
  Sha256 sum_;  ///< the thread's while pieces are queued, else the caller's

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_. Pieces are numbered on and on; piece n lies at n % kBehind.
  std::array<ByteSpan, kBehind> pieces_;
  std::size_t posted_ = 0;
  std::size_t summed_ = 0;
  bool stop_ = false;

  std::thread thread_;
};

}  // namespace patchbay::artifact
