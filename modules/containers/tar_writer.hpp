#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "modules/containers/http_client.hpp"
#include "patchbay/files.hpp"
#include "patchbay/result.hpp"

namespace patchbay::containers {

constexpr std::size_t kTarBlock = 512;
constexpr std::uint64_t kMaxInTar = (std::uint64_t{1} << 33U) - 1;  ///< eleven octal digits
constexpr std::size_t kMaxNameInTar = 99;

/// The block in front of a file in the oldest form of tar. Names and sizes have to fit.
std::string tar_header(const std::string& name, std::uint64_t size);
/// Bytes behind a file, up to the next block.
std::size_t tar_padding(std::uint64_t size);

/// Writes a tar archive of plain files. Not synced: a cut has it made again.
class TarWriter {
 public:
  /// Makes the new file `path`.
  static module::Result<TarWriter> create(const std::string& path);

  /// Exactly `size` bytes of `content` as the file `name`. Error also when it has fewer or more.
  module::Status add(const std::string& name, std::uint64_t size, const Upload& content);
  /// The end of the archive.
  module::Status finish();

 private:
  explicit TarWriter(module::NewFile file) : file_{std::move(file)} {}

  module::NewFile file_;
};

/// The content of the file `path`, front to back.
module::Result<Upload> content_of(const std::string& path);

}  // namespace patchbay::containers
