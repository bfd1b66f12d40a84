#include "core/fetch/tls_files.hpp"

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::fetch {
namespace {

constexpr std::size_t kMaxBundle = 8 * kMiB;

/// The first that exists: what libcurl was built with, or the usual places of other distributions.
/// Empty when there is none: then only the given files are trusted.
std::string system_bundle(const std::string& library_default) {
  for (const std::string& path :
       {library_default, std::string{"/etc/ssl/certs/ca-certificates.crt"},
        std::string{"/etc/ssl/cert.pem"}, std::string{"/etc/pki/tls/certs/ca-bundle.crt"}}) {
    if (!path.empty() && os::exists(path)) return path;
  }
  return {};
}

}  // namespace

Result<std::string> trusted_bundle(const std::vector<std::string>& files,
                                   const std::string& library_default) {
  std::string all;
  if (const auto path = system_bundle(library_default); !path.empty()) {
    PB_TRY(all, os::read_file(path, kMaxBundle).context("system certificates"));
  }
  for (const auto& file : files) {
    PB_TRY(const auto text, os::read_file(file, kMaxBundle).context("trusted certificate"));
    if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos &&
        text.find("-----BEGIN TRUSTED CERTIFICATE-----") == std::string::npos) {
      return Error{ErrorCode::invalid_input,
                   "trusted certificate " + file + " holds no certificate in PEM form"};
    }
    all += "\n" + text;
  }
  return all;
}

}  // namespace patchbay::fetch
