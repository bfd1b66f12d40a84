#include "core/app/named_files.hpp"

#include "core/base/bytes.hpp"
#include "core/base/token_uri.hpp"
#include "core/os/file.hpp"

namespace patchbay::app {
namespace {

constexpr std::size_t kSmallFile = 64 * kKiB;

/// "mender.conf:3: ArtifactVerifyKey", or the key alone where nobody wrote it.
std::string place_of(const Config& config, const std::string& key) {
  const auto origin = config.origins.find(key);
  return origin == config.origins.end() ? key : origin->second + ": " + key;
}

Result<std::vector<artifact::VerificationKey>> read_keys(const std::vector<std::string>& paths) {
  std::vector<artifact::VerificationKey> keys;
  for (const std::string& path : paths) {
    PB_TRY(std::string pem, os::read_file(path, kSmallFile));
    PB_TRY(artifact::VerificationKey key, artifact::parse_verification_key(path, std::move(pem)));
    keys.push_back(std::move(key));
  }
  return keys;
}

bool names_an_object(const std::string& uri) {
  return uri.find("object=") != std::string::npos || uri.find("id=") != std::string::npos;
}

/// What is named by one key of the configuration, and doubted.
class Doubts {
 public:
  explicit Doubts(const Config& config) : config_{config} {}

  void look_at(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    if (!path.starts_with('/')) {
      doubt(key,
            path + " is a relative path: what it means depends on where the client is started");
    } else if (!os::exists(path)) {
      doubt(key, "there is no " + path);
    }
  }

  void look_at_key(const std::string& key, const std::string& name, const std::string& engine) {
    const std::string in = engine_of_key(name, engine);
    if (in.empty()) {
      look_at(key, name);
    } else if (name.starts_with("pkcs11:") && !names_an_object(name)) {
      doubt(key, without_pin(name) + " names no key of the token: object=... or id=... is missing");
    }
  }

  [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

 private:
  void doubt(const std::string& key, const std::string& what) {
    all_.push_back(place_of(config_, key) + ": " + printable(what, 500));
  }

  const Config& config_;
  std::vector<std::string> all_;
};

}  // namespace

Result<std::vector<artifact::VerificationKey>> read_artifact_keys(const Config& config) {
  const bool is_list = config.origins.count("ArtifactVerifyKeys") > 0;
  return read_keys(config.artifact_verify_keys)
      .context(place_of(config, is_list ? "ArtifactVerifyKeys" : "ArtifactVerifyKey"));
}

Result<std::vector<artifact::VerificationKey>> read_plugin_keys(const Config& config) {
  return read_keys(config.plugin_verify_keys)
      .context(place_of(config, "Patchbay.PluginVerifyKeys"));
}

Result<std::vector<std::string>> check_named_files(const Config& config) {
  PB_CHECK(read_artifact_keys(config));
  PB_CHECK(read_plugin_keys(config));
  Doubts doubts{config};
  doubts.look_at("ServerCertificate", config.server_certificate);
  doubts.look_at("HttpsClient.Certificate", config.https_client_certificate);
  doubts.look_at_key("HttpsClient.Key", config.https_client_key, config.https_client_ssl_engine);
  doubts.look_at_key("Security.AuthPrivateKey", config.auth_private_key,
                     config.security_ssl_engine);
  doubts.look_at("DeviceTypeFile", config.device_type_file);
  for (const std::string& directory : config.module_directories)
    doubts.look_at("Patchbay.ModuleDirectories", directory);
  return doubts.all();
}

}  // namespace patchbay::app
