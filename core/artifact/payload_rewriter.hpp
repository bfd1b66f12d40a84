#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/artifact/byte_sink.hpp"
#include "core/artifact/limits.hpp"
#include "core/artifact/manifest_text.hpp"
#include "core/artifact/sha256.hpp"
#include "core/base/byte_source.hpp"
#include "core/base/unique_fd.hpp"

namespace patchbay::artifact {

/// The tar of one payload, copied with some of its files changed.
class PayloadRewrite {
 public:
  /// Opens the new files. Errors name the path.
  static Result<PayloadRewrite> prepare(const FileChanges& changes);

  /// Bytes the new files need in a tar.
  [[nodiscard]] std::uint64_t new_bytes() const;

  /// Copies the entries of the tar in `old`: with the new content where there is one, without those
  /// that go. Reads `old` to its end.
  Status copy(ByteSource& old, const Limits& limits, ByteSink& out);

  /// Writes the new files that copy() did not meet, and the end of the archive.
  Status append_new(ByteSink& out);

  /// Checksums of the new files, by name.
  [[nodiscard]] const std::map<std::string, Digest>& digests() const { return digests_; }

 private:
  struct Opened {
    UniqueFd fd;
    std::uint64_t size = 0;
    NewFile file;
  };
  Status write_new(const std::string& name, const Opened& opened, ByteSink& out);

  std::map<std::string, Opened> new_files_;
  std::vector<std::string> removed_;
  std::map<std::string, Digest> digests_;
};

}  // namespace patchbay::artifact
