#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.hpp"

namespace patchbay::os {

/// The file that this process was started from, for processes that outlive it: packages replace it
/// by another one.
class ProgramFile {
 public:
  /// As it is now; soon after the start. It may be gone or replaced by then.
  static Result<ProgramFile> current();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether another file has taken its place. One that is only gone has not.
  [[nodiscard]] bool is_replaced() const;
  /// Starts what is in its place in this very process, with the same arguments and environment. All
  /// threads but this end, as do all descriptors that are closed on exec. Returns when it fails.
  [[nodiscard]] Error start() const;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace patchbay::os
