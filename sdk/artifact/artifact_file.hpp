#pragma once

#include <string>
#include <vector>

#include "core/artifact/contents.hpp"
#include "core/base/result.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/outcome.hpp"

namespace patchbay::artifact_tool {

/// Opens an artifact for reading; "-" is standard input.
Result<os::FdSource> open_artifact(const std::string& path);

/// Reads all of it with the device's reader. `keys` empty: signatures are not checked.
Result<artifact::Contents> read_artifact(const std::string& path,
                                         const std::vector<artifact::VerificationKey>& keys = {},
                                         const artifact::FileSinks& sinks = {},
                                         artifact::Augments augments = artifact::Augments::refuse);

/// Content on its way into a file of the host.
class FileSink final : public artifact::ByteSink {
 public:
  FileSink(UniqueFd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}
  Status write(ByteSpan bytes) override { return os::write_all(fd_.get(), bytes).context(path_); }

 private:
  UniqueFd fd_;
  std::string path_;
};

/// A new file at `path`; `conflict` when something is there.
Result<std::unique_ptr<artifact::ByteSink>> make_file(const std::string& path, unsigned mode);

/// How a command ends that could not read its artifact: what is broken about the artifact is
/// `invalid`, everything else (not there, not readable) is cannot_open.
Outcome outcome_of_reading(const Error& error, Outcome invalid);

}  // namespace patchbay::artifact_tool
