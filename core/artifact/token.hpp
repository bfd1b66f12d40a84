#pragma once

#include <string>

namespace patchbay::artifact {

/// Where a key is that never leaves its hardware. It is reached through an engine of OpenSSL
/// (docs/adr/0011-keys-in-tokens.md).
struct Token {
  std::string uri;     ///< RFC 7512: "pkcs11:token=...;object=..."; another engine's own name of it
  std::string module;  ///< PKCS#11 library; empty: what p11-kit or PKCS11_MODULE_PATH names
  std::string engine = "pkcs11";  ///< Debian: libengine-pkcs11-openssl
};

}  // namespace patchbay::artifact
