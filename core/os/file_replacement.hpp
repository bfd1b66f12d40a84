#pragma once

#include <string>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "core/os/pending_file.hpp"

namespace patchbay::os {

/// replace_file() for content that does not fit into memory: written piece by piece to a
/// PendingFile, which takes the target's place at once, in commit(). Until then the target stays as
/// it is.
///
/// A target that is there keeps its mode and, where that is allowed, its owner; where it is a
/// symbolic link, what the link points to is replaced. A new one gets 0666 less the umask.
class FileReplacement {
 public:
  static Result<FileReplacement> begin(const std::string& target);

  /// Appends.
  Status write(ByteSpan bytes);
  /// Writes over what was written at `offset` before.
  Status fill_in(std::uint64_t offset, std::string_view text);
  /// Bytes appended so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Another descriptor of what was written, at its beginning.
  [[nodiscard]] Result<UniqueFd> reopen() const { return file_.reopen(); }

  /// Makes it durable and puts it in the target's place.
  Status commit();

 private:
  FileReplacement(std::string target, PendingFile file)
      : target_{std::move(target)}, file_{std::move(file)} {}

  std::string target_;
  PendingFile file_;
  std::uint64_t size_ = 0;
};

}  // namespace patchbay::os
