#include "core/fleet/device_key.hpp"

#include <sys/stat.h>

#include "core/base/bytes.hpp"
#include "core/os/file.hpp"

namespace patchbay::fleet {
namespace {

constexpr std::size_t kMostBytes = 64 * kKiB;

Result<std::string> pass_phrase_in(const std::string& file) {
  if (file.empty()) return std::string{};
  PB_TRY(const std::string text,
         os::read_file(file == "-" ? "/dev/stdin" : file, kMostBytes).context("--passphrase-file"));
  return text.substr(0, text.find_first_of("\r\n"));
}

Result<artifact::RequestKey> load(const std::string& path, const KeySettings& settings) {
  PB_TRY(const std::string pem, os::read_file(path, kMostBytes));
  PB_TRY(const std::string pass_phrase, pass_phrase_in(settings.pass_phrase_file));
  return artifact::RequestKey::from_pem(path, pem, pass_phrase);
}

Result<artifact::RequestKey> make(const std::string& path, Log& log) {
  PB_TRY(artifact::RequestKey key, artifact::RequestKey::generate());
  PB_TRY(const std::string pem, key.private_pem());
  PB_CHECK(os::replace_file(path, as_bytes(pem), S_IRUSR | S_IWUSR));
  log.info("made a key for this device: " + path + "; the server has to accept the device once");
  return key;
}

}  // namespace

Result<artifact::RequestKey> load_device_key(const KeySettings& settings, Log& log) {
  const bool in_hardware = !settings.engine.empty() || settings.given_file.starts_with("pkcs11:");
  if (in_hardware) {
    return Error{ErrorCode::unsupported,
                 "a device's key in hardware is not supported (Security.SSLEngine, or a pkcs11: "
                 "URI as Security.AuthPrivateKey); name a file"};
  }
  if (!settings.given_file.empty()) {
    return load(settings.given_file, settings).context("Security.AuthPrivateKey");
  }
  if (!os::exists(settings.file)) return make(settings.file, log);
  auto key = load(settings.file, settings);
  if (key) return key;
  return Error{key.error().code(), key.error().message() +
                                       "; put back the file, or move it away to let the server "
                                       "accept this device anew with another key"};
}

}  // namespace patchbay::fleet
