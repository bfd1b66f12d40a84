#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace patchbay::os {

/// Memory for what is handed to the kernel again and again: on huge pages where it has some to give
/// (transparent huge pages set to "always" or "madvise"), else on ordinary ones.
class HugeBuffer {
 public:
  /// What a huge page holds on x86-64, and on Arm with pages of 4 KiB.
  static constexpr std::size_t kUnit = std::size_t{2} * 1024 * 1024;

  HugeBuffer() = default;
  /// `size` is a multiple of kUnit. Throws std::bad_alloc.
  explicit HugeBuffer(std::size_t size);
  [[nodiscard]] std::span<std::byte> all() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace patchbay::os
