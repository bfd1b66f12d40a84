#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/artifact/contents.hpp"
#include "sdk/artifact/change.hpp"
#include "sdk/artifact/disk.hpp"
#include "sdk/artifact/image.hpp"
#include "sdk/artifact/piece_sums.hpp"
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
  /// The file as a file system, for a place with a path in it. Of a disk with two root file
  /// systems, the first.
  [[nodiscard]] Result<std::unique_ptr<Image>> image() const;
  /// The path in it.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Changes the file system, or both root file systems of a disk, and has the result checked.
  Status change_images(const std::function<Status(Image&)>& change);

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
  Status copy_partitions();
  Status copy_part(const Extent& extent, const std::string& file);
  [[nodiscard]] Result<std::unique_ptr<Image>> open(const std::string& file) const;
  [[nodiscard]] bool can_have_pieces() const;
  [[nodiscard]] Result<std::optional<PieceSums>> update_pieces(
      artifact::PayloadSpec& payload, const std::optional<artifact::NewFile>& file) const;
  Status update_sums(artifact::Change& change, const std::optional<artifact::NewFile>& file) const;
  Status apply(const Call& call, const ChangeOptions& options, artifact::Change change,
               std::optional<artifact::NewFile> file);
  Status replace_image(const ChangeOptions& options);

  /// A file system of the container, and the copy of it.
  struct Part {
    Extent extent;
    std::string file;
  };

  Place place_;
  TemporaryDirectory temporary_;
  std::string file_;
  std::string path_;
  std::vector<Part> parts_;  ///< of an image or a disk
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
