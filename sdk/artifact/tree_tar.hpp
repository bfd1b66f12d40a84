#pragma once

#include <memory>
#include <string>

#include "core/artifact/writer.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact_tool {

/// A tar archive of everything below `directory`, made while it is read: names sorted and beginning
/// with `prefix` + "/", owned by root; modes, symbolic links and times are kept, the times clamped
/// by SOURCE_DATE_EPOCH. A file with several names becomes several files. GNU tar and libarchive
/// read it, with names of any length. Refused: sockets, pipes and devices.
Result<std::shared_ptr<const artifact::Content>> tree_tar(const std::string& directory,
                                                          const std::string& prefix);

/// The regular files below `directory`, as a text: a line each, sorted, relative to it.
Result<std::string> tree_list(const std::string& directory);

/// `content`, compressed with gzip into a file without a name. Reproducible.
Result<std::shared_ptr<const artifact::Content>> gzipped(const artifact::Content& content);

}  // namespace patchbay::artifact_tool
