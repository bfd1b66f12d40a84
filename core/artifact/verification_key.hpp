#pragma once

#include <memory>
#include <string>

#include "core/artifact/crypto_library.hpp"
#include "core/artifact/openssl_types.hpp"
#include "core/artifact/reader.hpp"

/// Included by .cpp files of this folder only.
namespace patchbay::artifact {

enum class KeyKind : std::uint8_t { rsa, ecdsa, ed25519 };

struct LoadedKey {
  std::string name;
  KeyKind kind = KeyKind::rsa;
  std::size_t coordinate_bytes = 0;  ///< ecdsa: length of r and of s
  const CryptoLibrary* crypto = nullptr;
  OpenSslPtr<EVP_PKEY> key;
};

/// Errors: invalid_input (no public key), unsupported (a kind or size we refuse, or no libcrypto).
Result<LoadedKey> load_key(const VerificationKey& key);

}  // namespace patchbay::artifact
