#pragma once

#include <string>

#include "core/artifact/contents.hpp"
#include "sdk/artifact/change.hpp"
#include "sdk/artifact/image.hpp"
#include "sdk/artifact/place.hpp"
#include "sdk/artifact/temporary.hpp"

namespace patchbay::artifact_tool {

/// One file of a container, taken out to be looked at or changed, and put back.
class Editing {
 public:
  /// Reads the container and takes the file that `place` is about out of it, into `temporary`
  /// (empty: TMPDIR). Whether a payload file that is named is there, has_file() tells.
  static Result<Editing> begin(const Place& place, const std::string& temporary);

  [[nodiscard]] bool has_file() const { return has_file_; }
  /// A copy of the file, free to be changed.
  [[nodiscard]] const std::string& file() const { return file_; }
  /// The file as a file system, for a place with a path in it.
  [[nodiscard]] Result<Image> image() const;

  /// A path for one more file on its way.
  [[nodiscard]] std::string scratch() const { return temporary_.file("scratch"); }

  /// What the artifact says, to be changed beside the file. Null for an image.
  [[nodiscard]] const artifact::Contents* contents() const {
    return contents_ ? &*contents_ : nullptr;
  }
  [[nodiscard]] std::size_t payload() const { return payload_; }
  /// Attributes of the file in the artifact.
  [[nodiscard]] unsigned mode() const { return mode_; }

  /// Puts file() back, with these attributes in the artifact; or takes the file out.
  Status put_back(const Call& call, const ChangeOptions& options, artifact::Change change = {});
  Status put(const Call& call, const ChangeOptions& options, const artifact::NewFile& file);
  Status remove(const Call& call, const ChangeOptions& options);

 private:
  explicit Editing(Place place, TemporaryDirectory temporary);
  Status read_artifact_file();
  Status find_file();
  Status copy_image();
  Status apply(const Call& call, const ChangeOptions& options, artifact::Change change,
               std::optional<artifact::NewFile> file);
  Status replace_image(const ChangeOptions& options);

  Place place_;
  TemporaryDirectory temporary_;
  std::string file_;
  std::optional<artifact::Contents> contents_;
  std::size_t payload_ = 0;
  std::string name_;
  bool has_file_ = false;
  unsigned mode_ = 0644;
  std::int64_t mtime_ = 0;
};

/// `mtime`, or SOURCE_DATE_EPOCH where that is earlier; the time of the file at `path`.
Result<artifact::NewFile> new_file(const std::string& path);

}  // namespace patchbay::artifact_tool
