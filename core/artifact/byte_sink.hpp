#pragma once

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Where the writer's bytes go, front to back: a file, or a compressor before it.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status write(ByteSpan bytes) = 0;
};

}  // namespace patchbay::artifact
