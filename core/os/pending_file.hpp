#pragma once

#include <string>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace patchbay::os {

/// A new file that takes its place when it is complete. Until then it has no name, so that nothing
/// is left of it, however the process ends. Where the file system cannot do that (vfat, NFS), or
/// /proc is missing, it has the name `temporary` and goes with this object.
class PendingFile {
 public:
  /// `temporary` is in the directory where the file is to be; what another process has left there
  /// goes. The mode is 0666 less the umask.
  static Result<PendingFile> create(std::string temporary);

  PendingFile(PendingFile&&) noexcept = default;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();

  /// For reading and writing.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Another descriptor for reading, at the beginning.
  [[nodiscard]] Result<UniqueFd> reopen() const;

  /// Puts it at `path` at once, in the place of what is there. Durable is neither content nor name.
  Status place(const std::string& path);

 private:
  enum class Named : bool { no, yes };
  PendingFile(std::string temporary, UniqueFd fd, Named named)
      : temporary_{std::move(temporary)}, fd_{std::move(fd)}, named_{named} {}

  [[nodiscard]] std::string magic_link() const;

  std::string temporary_;
  UniqueFd fd_;  ///< none: moved from
  Named named_;  ///< whether it is at `temporary_`
};

}  // namespace patchbay::os
