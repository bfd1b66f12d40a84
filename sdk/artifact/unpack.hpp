#pragma once

#include <string>
#include <vector>

#include "core/artifact/contents.hpp"
#include "core/base/result.hpp"

/// Parts of an artifact as files of the host. Nothing that is there is written over.
namespace patchbay::artifact_tool {

/// mkdir -p.
Status make_output_directory(const std::string& path);

/// Writes the state scripts, mode 0755. Returns their paths.
Result<std::vector<std::string>> unpack_scripts(const artifact::Header& header,
                                                const std::string& directory);

/// Writes `text` to `path`.
Status unpack_text(const std::string& path, std::string_view text);

/// Takes payload files of an artifact out while it is read. They get their names only in keep(),
/// when all of the artifact has been found right; without it they go with this object.
class PayloadUnpacker {
 public:
  /// Where a file goes: the path it gets.
  using Place = std::function<Result<std::string>(const artifact::PayloadFile&)>;
  explicit PayloadUnpacker(Place place) : place_{std::move(place)} {}
  PayloadUnpacker(const PayloadUnpacker&) = delete;
  PayloadUnpacker& operator=(const PayloadUnpacker&) = delete;
  ~PayloadUnpacker();

  /// For read_contents(). Refers to this object.
  [[nodiscard]] artifact::FileSinks sinks();

  /// Returns the paths, in the order of the archive.
  Result<std::vector<std::string>> keep();

 private:
  Place place_;
  std::vector<std::string> paths_;
  std::size_t kept_ = 0;
};

}  // namespace patchbay::artifact_tool
