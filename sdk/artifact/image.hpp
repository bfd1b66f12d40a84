#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.hpp"

namespace patchbay::artifact_tool {

/// A file system in a file of ours, read and changed with the programs of its own: no mounting, no
/// root. Paths are absolute paths in the image, as image_path() makes them. After an error in a
/// change the image may hold part of the change: work on a copy.
class Image {
 public:
  virtual ~Image() = default;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  enum class Kind : std::uint8_t { file, directory, link, other };
  struct Entry {
    Kind kind = Kind::file;
    unsigned mode = 0;  ///< permission bits
    unsigned uid = 0, gid = 0;
  };
  /// What is at `path`; nothing when there is nothing.
  [[nodiscard]] virtual Result<std::optional<Entry>> stat(const std::string& path) const = 0;

  /// Copies the content of a regular file to `host`, which is made or overwritten.
  [[nodiscard]] virtual Status copy_out(const std::string& path, const std::string& host) const = 0;

  /// Puts a regular file with the content of `host` at `path`, in place of the one that may be
  /// there. The directory has to exist. What the file system cannot keep of `attributes` is left.
  virtual Status copy_in(const std::string& host, const std::string& path,
                         const Entry& attributes) = 0;

  /// mkdir -p.
  virtual Status make_directories(const std::string& path) = 0;

  enum class Depth : std::uint8_t { one, all };
  /// Removes what is at `path`; a directory that is not empty only with Depth::all.
  virtual Status remove(const std::string& path, Depth depth) = 0;

  /// Lets the file system's own checker look at all of it: whether the changes left it in order.
  [[nodiscard]] virtual Status check() const = 0;

 protected:
  Image() = default;

  /// Errors of both kinds of file system, in the same words.
  static Error nothing_at(const std::string& path);
  [[nodiscard]] Status need_directory(const std::string& path) const;
  /// That a regular file may come to `path`. Returns what is there.
  [[nodiscard]] Result<std::optional<Entry>> need_place_for_file(const std::string& path) const;
  /// Calls `make` for each directory above `path`, and `path`, that is not there.
  Status for_each_missing(const std::string& path,
                          const std::function<Status(const std::string&)>& make) const;
};

enum class FileSystem : std::uint8_t {
  none,
  ext,  ///< ext2, ext3, ext4
  fat,
};

/// What the file at `path` holds, as its first sectors tell.
Result<FileSystem> file_system_of(const std::string& path);

/// Errors: unsupported (no file system that is known), not_found (no programs for it here).
Result<std::unique_ptr<Image>> open_image(const std::string& path);

/// For each kind one: e2fsprogs' debugfs, and mtools.
Result<std::unique_ptr<Image>> open_ext_image(const std::string& path);
Result<std::unique_ptr<Image>> open_fat_image(const std::string& path);

/// The path in the form Image wants: absolute, one slash between names. `denied` for "." and "..",
/// invalid_input for a relative path and for control characters.
Result<std::string> image_path(const std::string& text);

/// The directory that `path` is in.
std::string directory_of(const std::string& path);

}  // namespace patchbay::artifact_tool
