#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"

/// Between the thread that receives a download and the one that reads it. Internal to core/fetch.
namespace patchbay::fetch {

/// A ring of bytes of fixed size. One writer, one reader.
class Channel {
 public:
  explicit Channel(std::size_t capacity) : ring_(capacity) {}

  // Writer's side.

  /// The download has begun; `size` when it is known.
  void open(std::optional<std::uint64_t> size);
  enum class Reader : std::uint8_t { listening, gone };
  /// Blocks until all of it has found room or has been skipped, or the reader is gone.
  Reader push(ByteSpan bytes);
  /// How many of the bytes that come next the reader skips. Either side.
  [[nodiscard]] std::uint64_t to_skip() const;
  /// So many of them will not be pushed.
  void leave_out(std::uint64_t count);
  /// Nothing more comes: the end when `end` is ok, a failure otherwise.
  void close(Status end);
  /// Sleeps, but not longer than the reader stays.
  Reader pause(std::chrono::milliseconds duration);
  [[nodiscard]] Reader reader() const;

  // Reader's side.

  /// Blocks until open() or close(); the size, or the failure.
  Result<std::optional<std::uint64_t>> wait_open();
  /// As ByteSource::read. What was pushed before a failure is handed out first.
  Result<std::size_t> pull(std::span<std::byte> buffer);
  /// As ByteSource::skip. Blocks until the writer has come to that place, or leaves out what is
  /// before it.
  Status skip(std::uint64_t count);
  /// The reader is gone.
  void abandon();

 private:
  mutable std::mutex mutex_;
  std::condition_variable for_writer_;
  std::condition_variable for_reader_;
  void drop(std::size_t count);
  std::uint64_t pass_over(std::uint64_t count);

  ByteVector ring_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t to_skip_ = 0;  // of what will be pushed; the ring is empty until that has passed
  bool opened_ = false;
  std::optional<std::uint64_t> size_;
  std::optional<Status> end_;
  Reader reader_ = Reader::listening;
};

}  // namespace patchbay::fetch
