#pragma once

#include <string>

namespace patchbay::testing {

/// A loop device over a file, as long as this object; with its partitions. Needs root. Its sectors
/// have 512 bytes, or as many as said.
class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file, unsigned sector = 512);
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice();
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Whether such devices and mounts of our own are possible here; a reason if not.
  static std::string missing();

 private:
  std::string path_;
};

}  // namespace patchbay::testing
