#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/artifact/key_kind.hpp"
#include "core/artifact/openssl_types.hpp"
#include "core/artifact/signer.hpp"

/// What signing of any sort needs of a private key, by functions of the loaded libcrypto only.
/// Errors leave it to the caller to say whose key it is. Included by .cpp files of this folder
/// only.
namespace patchbay::artifact {

struct PrivateKey {
  const CryptoLibrary* crypto = nullptr;
  OpenSslPtr<EVP_PKEY> key;
  KeyTraits traits;
};

/// With the traits of `key`. Error: unsupported, for a kind or size we refuse.
Result<PrivateKey> checked(const CryptoLibrary& crypto, OpenSslPtr<EVP_PKEY> key);

/// PKCS#8, PKCS#1 or SEC1, also encrypted; `name` is for the prompt. Errors: as
/// SigningKey::from_pem().
Result<PrivateKey> decode_private_key(const std::string& name, const std::string& pem,
                                      const PassPhrase& pass_phrase);

/// In a token. Errors: as SigningKey::from_token().
Result<PrivateKey> private_key_in(const Token& token, const PassPhrase& pin);

/// As OpenSSL makes it: ECDSA as DER.
Result<std::vector<unsigned char>> signature_of(const PrivateKey& key, std::string_view message);

/// Whether its public half verifies `signature` (in base64) of `message`. A token that holds a
/// public key of another pair under the same id signs, but to no avail. Error: integrity.
Status check_signature(const PrivateKey& key, std::string_view message,
                       const std::string& signature);

/// SubjectPublicKeyInfo. Error: unsupported, when the key (of a token) does not tell it.
Result<std::string> public_pem_of(const CryptoLibrary& crypto, EVP_PKEY* key);
/// PKCS#8, not encrypted.
Result<std::string> private_pem_of(const PrivateKey& key);

}  // namespace patchbay::artifact
