#include "sdk/artifact/artifact_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace patchbay::artifact_tool {

Result<os::FdSource> open_artifact(const std::string& path) {
  if (path == "-") {
    UniqueFd copy{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
    if (!copy) return Error::from_errno(errno, "standard input");
    return os::FdSource{std::move(copy), "standard input"};
  }
  PB_TRY(UniqueFd fd, os::open_file(path, O_RDONLY));
  return os::FdSource{std::move(fd), path};
}

Result<artifact::Contents> read_artifact(const std::string& path,
                                         const std::vector<artifact::VerificationKey>& keys,
                                         const artifact::FileSinks& sinks,
                                         artifact::Augments augments) {
  PB_TRY(os::FdSource source, open_artifact(path));
  auto contents = artifact::read_contents(source, {keys, {}, augments}, sinks);
  if (contents || contents.error().error_number() != 0) return contents;
  return std::move(contents).context(path == "-" ? "standard input" : path);
}

Result<std::unique_ptr<artifact::ByteSink>> make_file(const std::string& path, unsigned mode) {
  if (os::exists(path)) return Error{ErrorCode::conflict, path + " is there already"};
  PB_TRY(UniqueFd fd, os::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  if (::fchmod(fd.get(), mode) != 0) return Error::from_errno(errno, "set mode of " + path);
  return std::unique_ptr<artifact::ByteSink>{new FileSink{std::move(fd), path}};
}

Outcome outcome_of_reading(const Error& error, Outcome invalid) {
  if (error.error_number() != 0) return Outcome::cannot_open;
  switch (error.code()) {
    case ErrorCode::invalid_input:
    case ErrorCode::integrity:
    case ErrorCode::unsupported:
      return invalid;
    default:
      return Outcome::cannot_open;
  }
}

}  // namespace patchbay::artifact_tool
