#include "sdk/artifact/temporary.hpp"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "core/os/file.hpp"

namespace patchbay::artifact_tool {

Result<TemporaryDirectory> TemporaryDirectory::make(const std::string& parent) {
  const char* standard = std::getenv("TMPDIR");
  std::string path = parent.empty() ? (standard != nullptr ? standard : "/tmp") : parent;
  path += "/patchbay-artifact-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return Error::from_errno(
        errno, (parent.empty() ? "TMPDIR: " : "--tmp: ") + ("make a temporary directory " + path));
  return TemporaryDirectory{std::move(path)};
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_{std::exchange(other.path_, {})} {
}

TemporaryDirectory::~TemporaryDirectory() {
  // What cannot be removed is left to whoever cleans the directory for temporary files.
  if (!path_.empty()) static_cast<void>(os::remove_tree(path_).has_value());
}

}  // namespace patchbay::artifact_tool
