#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Signs `manifest` with the private key `pem` (PKCS#8, PKCS#1 or SEC1, not encrypted): the text of
/// one line of manifest.sig, base64 without a line end. Its length depends on the key alone.
///
/// RSA of 2048 bits or more: PKCS#1 v1.5 over SHA-256. ECDSA on P-256, P-384, P-521: r and s over
/// SHA-256, each as long as the curve's coordinates. Ed25519: over the manifest itself.
Result<std::string> sign_manifest(std::string_view manifest, const std::string& pem);

}  // namespace patchbay::artifact
