#pragma once

#include <algorithm>
#include <atomic>
#include <string>

#include "core/base/byte_source.hpp"
#include "core/base/bytes.hpp"

/// Small ByteSources the reader is put together from.
namespace patchbay::artifact {

/// Bytes that are in memory already; they must outlive this object.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteSpan bytes) : rest_{bytes} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), count, out.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  ByteSpan rest_;
};

/// Counts what passes; the count may be read by any thread.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(ByteSource& source) : source_{source} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    PB_TRY(const std::size_t count, source_.read(out));
    count_.fetch_add(count, std::memory_order_relaxed);
    return count;
  }
  Status skip(std::uint64_t count) override {
    PB_CHECK(source_.skip(count));
    count_.fetch_add(count, std::memory_order_relaxed);
    return Done{};
  }
  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  ByteSource& source_;
  std::atomic<std::uint64_t> count_ = 0;
};

/// Fails as soon as more than `limit` bytes come through.
class LimitedSource final : public ByteSource {
 public:
  LimitedSource(ByteSource& source, std::size_t limit) : source_{source}, limit_{limit} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    PB_TRY(const std::size_t count, source_.read(out));
    if (count > limit_ - passed_) {
      return Error{ErrorCode::invalid_input,
                   "holds more than " + human_size(limit_) + " when decompressed"};
    }
    passed_ += count;
    return count;
  }

 private:
  ByteSource& source_;
  std::size_t limit_;
  std::size_t passed_ = 0;
};

}  // namespace patchbay::artifact
