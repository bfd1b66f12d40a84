#pragma once

#include <cstddef>
#include <cstdint>

#include "core/artifact/crypto_library.hpp"
#include "core/base/result.hpp"

/// Included by .cpp files of this folder only.
namespace patchbay::artifact {

enum class KeyKind : std::uint8_t { rsa, ecdsa, ed25519 };

struct KeyTraits {
  KeyKind kind = KeyKind::rsa;
  std::size_t coordinate_bytes = 0;  ///< ecdsa: length of r and of s
};

/// Of a key we take: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519. Error:
/// unsupported, for every other; whose key it is the message leaves to the caller.
Result<KeyTraits> traits_of(const CryptoLibrary& crypto, const EVP_PKEY* key);

/// What is signed with such a key: a SHA-256, or with Ed25519 the bytes themselves (null).
const EVP_MD* digest_for(const CryptoLibrary& crypto, KeyKind kind);

}  // namespace patchbay::artifact
