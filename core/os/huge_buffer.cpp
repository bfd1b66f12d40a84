#include "core/os/huge_buffer.hpp"

#include <sys/mman.h>

#include <new>

namespace patchbay::os {

HugeBuffer::HugeBuffer(std::size_t size)
    : bytes_{static_cast<std::byte*>(std::aligned_alloc(kUnit, size))}, size_{size} {
  if (!bytes_) throw std::bad_alloc{};
  // Refused by kernels that were built without huge pages, and no matter there.
  (void)::madvise(bytes_.get(), size_, MADV_HUGEPAGE);
}

}  // namespace patchbay::os
