#pragma once

#include "core/base/byte_source.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {

/// A ByteSource whose bytes can be looked at where they lie, so that the reader need not copy them.
class ViewSource : public ByteSource {
 public:
  /// The bytes that come next, at least one unless the stream has ended. Valid until the next
  /// consume(), read() or peek().
  virtual Result<ByteSpan> peek() = 0;

  /// Drops the first `count` bytes of what peek() showed.
  virtual void consume(std::size_t count) = 0;
};

}  // namespace patchbay::artifact
