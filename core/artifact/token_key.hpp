#pragma once

#include "core/artifact/openssl_types.hpp"
#include "core/artifact/signer.hpp"

/// Included by .cpp files of this folder only.
namespace patchbay::artifact {

enum class KeyHalf : std::uint8_t { secret, open };

/// The key behind a token's URI. What the returned key needs of the engine it holds on to itself.
Result<OpenSslPtr<EVP_PKEY>> load_token_key(const SigningKey::Token& token, KeyHalf half,
                                            const PassPhrase& pin);

}  // namespace patchbay::artifact
