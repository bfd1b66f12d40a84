#pragma once

#include <string>
#include <vector>

#include "core/artifact/reader.hpp"
#include "core/artifact/signer.hpp"
#include "sdk/artifact/call.hpp"

namespace CLI {
class App;
}

namespace patchbay::artifact_tool {

/// What the options of a command say about keys.
struct KeyOptions {
  std::vector<std::string> keys;  ///< files, or PKCS#11 URIs
  std::string pass_phrase_file;
  std::string pkcs11_module;
  std::vector<std::string> services;  ///< options for keys elsewhere, with their values
};

enum class KeyUse : std::uint8_t { sign, verify };

/// Adds --key and what belongs to it. `options` must outlive the parsing. Under the name
/// mender-artifact these are that program's options, and at most one key may be given.
void add_key_options(CLI::App& app, KeyOptions& options, Face face, KeyUse use);

/// The public keys of --key.
Result<std::vector<artifact::VerificationKey>> load_verification_keys(const KeyOptions& options,
                                                                      Face face);

/// The private keys of --key. A pass phrase or a PIN, where one is needed, comes from
/// --passphrase-file, from the environment (PATCHBAY_PASSPHRASE), or from the person at the
/// terminal.
Result<std::vector<artifact::SigningKey>> load_signing_keys(const KeyOptions& options, Face face);

}  // namespace patchbay::artifact_tool
