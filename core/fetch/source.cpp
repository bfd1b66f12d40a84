#include "core/fetch/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "core/base/bytes.hpp"
#include "core/fetch/download.hpp"
#include "core/fetch/renewed_download.hpp"
#include "core/fetch/url.hpp"
#include "core/os/file.hpp"

namespace patchbay::fetch {
namespace {

/// "ftp" of "ftp://..."; empty when `location` is a path.
std::string_view scheme_of(std::string_view location) {
  const auto end = location.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  const auto scheme = location.substr(0, end);
  return scheme.find('/') == std::string_view::npos ? scheme : std::string_view{};
}

Result<std::unique_ptr<ByteSource>> checked_source(UniqueFd file, const std::string& name) {
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::invalid_input, name + " is a directory"};
  }
  return std::unique_ptr<ByteSource>{std::make_unique<os::FdSource>(std::move(file), name)};
}

Result<std::unique_ptr<ByteSource>> open_standard_input() {
  UniqueFd copy{::fcntl(0, F_DUPFD_CLOEXEC, 3)};
  if (!copy) return Error{ErrorCode::not_found, "standard input is closed"};
  return checked_source(std::move(copy), "standard input");
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open(const std::string& location,
                                         const TransferOptions& options, Log& log) {
  if (location == "-") return open_standard_input();
  if (is_url(location)) return Download::open(location, options, log);
  // A file may be called so; nobody means it.
  if (const auto scheme = scheme_of(location); !scheme.empty() && !os::exists(location)) {
    return Error{ErrorCode::unsupported, without_secrets(location) +
                                             ": only http and https can be "
                                             "downloaded, not " +
                                             printable(scheme)};
  }
  PB_TRY(UniqueFd file, os::open_file(location, O_RDONLY));
  return checked_source(std::move(file), location);
}

Result<std::unique_ptr<ByteSource>> open_link(const std::string& url,
                                              const TransferOptions& options, Log& log,
                                              Renewal renewal) {
  return RenewedDownload::open(url, options, log, std::move(renewal));
}

}  // namespace patchbay::fetch
