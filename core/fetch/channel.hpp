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
  /// Blocks until all of it has found room, or the reader is gone.
  Reader push(ByteSpan bytes);
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
  /// The reader is gone.
  void abandon();

 private:
  mutable std::mutex mutex_;
  std::condition_variable for_writer_;
  std::condition_variable for_reader_;
  ByteVector ring_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
  bool opened_ = false;
  std::optional<std::uint64_t> size_;
  std::optional<Status> end_;
  Reader reader_ = Reader::listening;
};

}  // namespace patchbay::fetch
