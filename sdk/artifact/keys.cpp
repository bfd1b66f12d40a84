#include "sdk/artifact/keys.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>

#include "core/os/file.hpp"
#include "core/os/terminal.hpp"

namespace patchbay::artifact_tool {
namespace {

constexpr std::size_t kLargestKey = 1 * kMiB;
constexpr std::size_t kLargestSecret = 4 * kKiB;
constexpr const char* kEnvironment = "PATCHBAY_PASSPHRASE";
constexpr std::string_view kPkcs11 = "pkcs11:";

Result<std::string> pass_phrase_of_file(const std::string& path) {
  PB_TRY(std::string text, os::read_file(path, kLargestSecret).context("--passphrase-file"));
  return text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
}

artifact::PassPhrase pass_phrase_source(const KeyOptions& options) {
  return [&options](const std::string& what) -> Result<std::string> {
    if (!options.pass_phrase_file.empty()) return pass_phrase_of_file(options.pass_phrase_file);
    if (const char* text = std::getenv(kEnvironment)) return std::string{text};
    auto typed = os::ask_secret("Enter the " + printable(what) + ": ");
    if (typed) return typed;
    return typed.error().context("needs the " + printable(what) +
                                 " (--passphrase-file FILE, or the environment variable " +
                                 kEnvironment + ")");
  };
}

Status check_number_of_keys(const KeyOptions& options, Face face) {
  if (!options.services.empty()) {
    return Error{ErrorCode::unsupported, options.services.front() +
                                             ": keys in that service are not supported; use --key "
                                             "or --key-pkcs11"};
  }
  if (face == Face::mender && options.keys.size() > 1)
    return Error{ErrorCode::invalid_input, "too many signing keys given: give one"};
  return Done{};
}

Result<artifact::SigningKey> load_signing_key(const std::string& key, const KeyOptions& options) {
  const auto source = pass_phrase_source(options);
  if (key.starts_with(kPkcs11))
    return artifact::SigningKey::from_token({key, options.pkcs11_module}, source).context("--key");
  PB_TRY(const std::string pem, os::read_file(key, kLargestKey).context("--key"));
  return artifact::SigningKey::from_pem(key, pem, source).context("--key");
}

/// The public half of a token's key is there for everybody: no PIN.
Result<artifact::VerificationKey> load_verification_key(const std::string& key,
                                                        const KeyOptions& options) {
  if (key.starts_with(kPkcs11))
    return artifact::SigningKey::public_key_of({key, options.pkcs11_module}).context("--key");
  PB_TRY(std::string pem, os::read_file(key, kLargestKey).context("--key"));
  return artifact::parse_verification_key(key, std::move(pem)).context("--key");
}

void add_options_of_mender(CLI::App& app, KeyOptions& options) {
  app.add_option("--key-pkcs11", options.keys, "PKCS#11 URI of a key in hardware")
      ->type_name("URI");
  for (const std::string service :
       {"--gcp-kms-key", "--vault-transit-key", "--keyfactor-signserver-worker", "--azure-key"}) {
    const auto note = [&options, service](const std::string& id) {
      options.services.push_back(service + " \"" + id + "\"");
    };
    app.add_option_function<std::string>(service, note, "Not supported: an error")->type_name("ID");
  }
}

}  // namespace

void add_key_options(CLI::App& app, KeyOptions& options, Face face, KeyUse use) {
  const bool sign = use == KeyUse::sign;
  app.add_option("-k,--key", options.keys,
                 sign ? "Private key to sign with: PEM file, or pkcs11:...; repeatable"
                      : "Public key that may have signed: PEM file, or pkcs11:...; repeatable")
      ->type_name("FILE|URI")
      ->allow_extra_args(false);
  if (face == Face::mender) {
    add_options_of_mender(app, options);
    return;
  }
  app.add_option("--pkcs11-module", options.pkcs11_module,
                 "PKCS#11 library for URIs (default: the system's)")
      ->type_name("FILE");
  if (!sign) return;
  app.add_option("--passphrase-file", options.pass_phrase_file,
                 "Its first line opens the key (else PATCHBAY_PASSPHRASE, or asked for)")
      ->type_name("FILE");
}

Result<std::vector<artifact::VerificationKey>> load_verification_keys(const KeyOptions& options,
                                                                      Face face) {
  PB_CHECK(check_number_of_keys(options, face));
  std::vector<artifact::VerificationKey> keys;
  for (const std::string& key : options.keys) {
    PB_TRY(auto loaded, load_verification_key(key, options));
    keys.push_back(std::move(loaded));
  }
  return keys;
}

Result<std::vector<artifact::SigningKey>> load_signing_keys(const KeyOptions& options, Face face) {
  PB_CHECK(check_number_of_keys(options, face));
  std::vector<artifact::SigningKey> keys;
  for (const std::string& key : options.keys) {
    PB_TRY(auto loaded, load_signing_key(key, options));
    keys.push_back(std::move(loaded));
  }
  return keys;
}

}  // namespace patchbay::artifact_tool
