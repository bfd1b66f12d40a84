#pragma once

#include <memory>
#include <string>

#include "core/artifact/key_kind.hpp"
#include "core/artifact/openssl_types.hpp"
#include "core/artifact/reader.hpp"

/// Included by .cpp files of this folder only.
namespace patchbay::artifact {

struct LoadedKey {
  std::string name;
  KeyTraits traits;
  const CryptoLibrary* crypto = nullptr;
  OpenSslPtr<EVP_PKEY> key;
};

/// Errors: invalid_input (no public key), unsupported (a kind or size we refuse, or no libcrypto).
Result<LoadedKey> load_key(const VerificationKey& key);

}  // namespace patchbay::artifact
