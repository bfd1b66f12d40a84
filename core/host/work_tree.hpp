#pragma once

#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/os/file.hpp"

namespace patchbay::host {

/// What a module finds in its work tree. JSON texts are the artifact's own bytes.
struct TreeContent {
  std::string current_artifact_name;
  std::optional<std::string> current_artifact_group;
  std::string current_device_type;
  std::string artifact_name;
  std::optional<std::string> artifact_group;
  std::string payload_type;
  std::string header_info;
  std::string type_info;
  std::string meta_data;  ///< empty: the file says "null"
};

/// `<datastore>/modules/v3/payloads/NNNN/tree`: the directory a module works in, from before its
/// first call until after Cleanup, across reboots. Directories 0700, files 0600.
class WorkTree {
 public:
  /// The tree of payload `index`, whether or not it exists on disk.
  WorkTree(const std::string& datastore, std::size_t index);

  /// Removes what is there and builds the tree anew: version, current_*, header/, tmp/. Not yet
  /// durable: see sync_all().
  [[nodiscard]] Status create(const TreeContent& content) const;
  [[nodiscard]] bool exists() const;
  /// Removes NNNN with everything in it; success when it is not there.
  [[nodiscard]] Status remove() const;

  /// Absolute path of `tree`; argv[2] and working directory of every call.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Removes every tree below the datastore (an interrupted download, a payload count that
  /// changed).
  static Status remove_all(const std::string& datastore);

  /// Makes every tree below the datastore survive a power cut, with all that is in it. Needed once,
  /// after the download and before anything is installed: a tree lost before then is an interrupted
  /// download.
  static Status sync_all(const std::string& datastore);

 private:
  std::string directory_;  ///< .../NNNN
  std::string path_;       ///< .../NNNN/tree
};

}  // namespace patchbay::host
