#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "patchbay/fd.hpp"
#include "patchbay/result.hpp"

/// Firmware on the disk, read in pieces: a device may have less memory than its peripherals have
/// flash.
namespace patchbay::firmware {

/// Reads a file front to back.
class ImageReader {
 public:
  static module::Result<ImageReader> open(const std::string& path);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// The next `most` bytes; fewer at the end only, and none behind it. Valid until the next call.
  module::Result<std::string_view> next(std::size_t most);

 private:
  ImageReader(module::Fd file, std::string path, std::uint64_t size)
      : file_{std::move(file)}, path_{std::move(path)}, size_{size} {}

  module::Fd file_;
  std::string path_;
  std::uint64_t size_;
  std::string piece_;
};

struct ImageSum {
  std::uint64_t size = 0;
  std::uint32_t checksum = 0;  ///< CRC-32
  bool operator==(const ImageSum&) const = default;
};
module::Result<ImageSum> sum_of(const std::string& path);

/// Whether the file `path` begins with all that `wanted` has.
module::Result<bool> begins_with(const std::string& path, const std::string& wanted);

}  // namespace patchbay::firmware
