#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"
#include "sdk/artifact/modifications.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr const char* kDirectory = "/etc/mender";
constexpr const char* kArtifactInfo = "/etc/mender/artifact_info";
constexpr const char* kConfiguration = "/etc/mender/mender.conf";
constexpr const char* kServerCertificate = "/etc/mender/server.crt";
constexpr const char* kVerificationKey = "/etc/mender/artifact-verify-key.pem";
constexpr std::size_t kLargestFile = 1 * kMiB;

Result<Image::Entry> attributes(const Image& image, const char* path) {
  PB_TRY(const auto before, image.stat(path));
  Image::Entry fresh;
  fresh.mode = 0644;
  return before.value_or(fresh);
}

Status put_file(Image& image, const std::string& host, const char* path) {
  PB_TRY(const Image::Entry entry, attributes(image, path));
  return image.copy_in(host, path, entry);
}

/// In the image's own words a file that is not there is hard to recognize.
Status put_given_file(Image& image, const std::string& host, const char* path) {
  PB_TRY(const UniqueFd readable, os::open_file(host, O_RDONLY));
  return put_file(image, host, path);
}

Status put_text(Image& image, const std::string& text, const char* path,
                const std::string& scratch) {
  PB_CHECK(os::replace_file(scratch, as_bytes(text), 0600));
  return put_file(image, scratch, path);
}

Result<nlohmann::json> read_configuration(const Image& image, const std::string& scratch) {
  PB_TRY(const auto entry, image.stat(kConfiguration));
  if (!entry) return nlohmann::json::object();
  PB_CHECK(image.copy_out(kConfiguration, scratch));
  PB_TRY(const std::string text, os::read_file(scratch, kLargestFile));
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object()) return json;
  return Error{ErrorCode::invalid_input,
               std::string{kConfiguration} + " in the image is not a JSON object"};
}

Status configure(const ImageModifications& wanted, Image& image, const std::string& scratch) {
  if (wanted.server_uri.empty() && wanted.tenant_token.empty()) return Done{};
  PB_TRY(auto json, read_configuration(image, scratch));
  if (!wanted.server_uri.empty()) json["ServerURL"] = wanted.server_uri;
  if (!wanted.tenant_token.empty()) json["TenantToken"] = wanted.tenant_token;
  const std::string text =
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return put_text(image, text, kConfiguration, scratch);
}

}  // namespace

Result<bool> apply(const ImageModifications& wanted, const std::optional<std::string>& name,
                   Image& image, const std::string& scratch) {
  PB_TRY(const auto directory, image.stat(kDirectory));
  const bool names = name && directory && directory->kind == Image::Kind::directory;
  if (names) {
    PB_CHECK(put_text(image, "artifact_name=" + *name, kArtifactInfo, scratch)
                 .context("--artifact-name"));
  }
  PB_CHECK(configure(wanted, image, scratch).context("--server-uri, --tenant-token"));
  if (!wanted.server_cert.empty())
    PB_CHECK(
        put_given_file(image, wanted.server_cert, kServerCertificate).context("--server-cert"));
  if (!wanted.verification_key.empty()) {
    PB_CHECK(put_given_file(image, wanted.verification_key, kVerificationKey)
                 .context("--verification-key"));
  }
  return names || wanted.any();
}

}  // namespace patchbay::artifact_tool
