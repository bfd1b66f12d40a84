#pragma once

#include "core/artifact/openssl_types.hpp"
#include "core/artifact/signer.hpp"
#include "core/artifact/token.hpp"

/// Included by .cpp files of this folder only.
namespace patchbay::artifact {

enum class KeyHalf : std::uint8_t { secret, open };

/// The key behind a token's URI. What the returned key needs of the engine it holds on to itself.
/// `pin` is only asked when the URI does not tell. Errors, which leave it to the caller to say
/// whose key it is: invalid_input (no URI), unsupported (no such engine), denied (wrong PIN),
/// not_found (token or key).
Result<OpenSslPtr<EVP_PKEY>> load_token_key(const Token& token, KeyHalf half,
                                            const PassPhrase& pin);

/// What to call it: the URI without its query, in which the PIN may be.
std::string name_of(const Token& token);

}  // namespace patchbay::artifact
