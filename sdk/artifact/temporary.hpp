#pragma once

#include <string>

#include "core/base/result.hpp"

namespace patchbay::artifact_tool {

/// A directory for files on their way, removed with all it holds when this object goes.
class TemporaryDirectory {
 public:
  /// In `parent`; empty: where TMPDIR says, or in /tmp.
  static Result<TemporaryDirectory> make(const std::string& parent);

  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit TemporaryDirectory(std::string path) : path_{std::move(path)} {}
  std::string path_;  ///< empty: moved from
};

}  // namespace patchbay::artifact_tool
