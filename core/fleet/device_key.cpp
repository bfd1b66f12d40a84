#include "core/fleet/device_key.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "core/base/bytes.hpp"
#include "core/base/token_uri.hpp"
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

Result<artifact::RequestKey> load_file(const std::string& path, const KeySettings& settings) {
  PB_TRY(const std::string pem, os::read_file(path, kMostBytes));
  PB_TRY(const std::string pass_phrase, pass_phrase_in(settings.pass_phrase_file));
  return artifact::RequestKey::from_pem(path, pem, pass_phrase);
}

Result<artifact::RequestKey> load_named(const std::string& key, const std::string& engine,
                                        const KeySettings& settings) {
  const std::string in = engine_of_key(key, engine);
  if (in.empty()) return load_file(key, settings);
  std::string pin;
  if (!tells_pin(key)) {
    PB_TRY(pin, pass_phrase_in(settings.pass_phrase_file));
  }
  return artifact::RequestKey::from_token({key, "", in}, pin);
}

/// Next to an engine that says that there is a key, a new one would be another identity.
Error no_key_for(const std::string& engine) {
  return {ErrorCode::not_found, "Security.SSLEngine is \"" + printable(engine) +
                                    "\", but no key of it is named; set Security.AuthPrivateKey"};
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
  if (!settings.given.empty()) {
    return load_named(settings.given, settings.engine, settings).context("Security.AuthPrivateKey");
  }
  if (!os::exists(settings.file)) {
    if (!settings.engine.empty()) return no_key_for(settings.engine);
    if (settings.tls.empty()) return make(settings.file, log);
    log.info("there is no " + settings.file + ": this device signs with HttpsClient.Key");
    return load_named(settings.tls, settings.tls_engine, settings).context("HttpsClient.Key");
  }
  auto key = load_file(settings.file, settings);
  if (key) return key;
  return Error{key.error().code(), key.error().message() +
                                       "; put back the file, or move it away to let the server "
                                       "accept this device anew with another key"};
}

bool is_read_once(const std::string& pass_phrase_file) {
  std::error_code unknown;
  return pass_phrase_file == "-" || std::filesystem::is_other(pass_phrase_file, unknown);
}

Result<artifact::RequestKey> load_known_device_key(const KeySettings& settings, Log& log) {
  const bool would_make_one = settings.given.empty() && settings.engine.empty() &&
                              settings.tls.empty() && !os::exists(settings.file);
  if (would_make_one) {
    return Error{ErrorCode::not_found, "the key of this device, " + settings.file + ", is gone"};
  }
  return load_device_key(settings, log);
}

}  // namespace patchbay::fleet
