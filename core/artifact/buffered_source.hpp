#pragma once

#include <memory>

#include "core/artifact/view_source.hpp"

namespace patchbay::artifact {

/// Puts one buffer in front of a ByteSource. Large reads go around the buffer when it is empty.
class BufferedSource final : public ViewSource {
 public:
  /// `source` must outlive this object.
  BufferedSource(ByteSource& source, std::size_t capacity);

  Result<std::size_t> read(std::span<std::byte> out) override;
  Status skip(std::uint64_t count) override;
  Result<ByteSpan> peek() override { return peek_at_least(1); }
  void consume(std::size_t count) override;

  /// At least `count` bytes (no more than the capacity) unless the end comes before that.
  Result<ByteSpan> peek_at_least(std::size_t count);

 private:
  [[nodiscard]] ByteSpan buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }

  ByteSource& source_;
  std::size_t capacity_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  enum class Input : std::uint8_t { open, ended } input_ = Input::open;
};

}  // namespace patchbay::artifact
