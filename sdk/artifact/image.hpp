#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::artifact_tool {

/// An ext2, ext3 or ext4 file system in a file of ours, read and changed with e2fsprogs' debugfs:
/// no mounting, no root. Paths are absolute paths in the image, without "." and "..", and without
/// control characters; anything else in them is allowed. After an error in a change the image may
/// hold part of the change: work on a copy.
class Image {
 public:
  /// Whether the file at `path` holds such a file system.
  static Result<bool> recognises(const std::string& path);

  /// Errors: unsupported (no such file system), not_found (no debugfs on this machine).
  static Result<Image> open(std::string path);

  enum class Kind : std::uint8_t { file, directory, link, other };
  struct Entry {
    Kind kind = Kind::file;
    unsigned mode = 0;  ///< permission bits
    unsigned uid = 0, gid = 0;
  };
  /// What is at `path`; nothing when there is nothing.
  [[nodiscard]] Result<std::optional<Entry>> stat(const std::string& path) const;

  /// Copies the content of a regular file to `host`, which is made or overwritten.
  [[nodiscard]] Status copy_out(const std::string& path, const std::string& host) const;

  /// Puts a regular file with the content of `host` at `path`, in place of the one that may be
  /// there. The directory has to exist.
  Status copy_in(const std::string& host, const std::string& path, const Entry& attributes);

  /// mkdir -p.
  Status make_directories(const std::string& path);

  enum class Depth : std::uint8_t { one, all };
  /// Removes what is at `path`; a directory that is not empty only with Depth::all.
  Status remove(const std::string& path, Depth depth);

  /// Lets e2fsck look at all of it: whether the changes left it in order.
  [[nodiscard]] Status check() const;

 private:
  Image(std::string path, std::string debugfs)
      : path_{std::move(path)}, debugfs_{std::move(debugfs)} {}
  [[nodiscard]] Result<std::string> ask(const std::string& request) const;
  Status change(const std::vector<std::string>& requests);
  Status collect_removal(const std::string& path, Depth depth, std::vector<std::string>& requests);
  Status need_directory(const std::string& path);

  std::string path_;
  std::string debugfs_;
};

/// The path in the form Image wants: absolute, one slash between names. `denied` for "." and "..",
/// invalid_input for a relative path and for control characters.
Result<std::string> image_path(const std::string& text);

}  // namespace patchbay::artifact_tool
