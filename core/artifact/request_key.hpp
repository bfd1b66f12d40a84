#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/artifact/token.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// The key pair by which a server knows a device. One thread at a time.
class RequestKey {
 public:
  /// From PEM text: PKCS#8 (also encrypted), PKCS#1 or SEC1 (also in OpenSSL's old encrypted form);
  /// RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519. `name` is what errors call
  /// it, a path for example; `pass_phrase` is for encrypted keys only, empty means that there is
  /// none. Errors: invalid_input (no private key, wrong pass phrase), unsupported (another kind,
  /// size or curve; encrypted and no pass phrase; no libcrypto).
  static Result<RequestKey> from_pem(const std::string& name, const std::string& pem,
                                     const std::string& pass_phrase = {});

  /// In a token, RSA or ECDSA as above. `pin` is for a token whose URI does not tell it; empty
  /// means that there is none. Errors: as SigningKey::from_token().
  static Result<RequestKey> from_token(const Token& token, const std::string& pin = {});

  /// A new Ed25519 pair.
  static Result<RequestKey> generate();

  RequestKey(RequestKey&&) noexcept;
  RequestKey& operator=(RequestKey&&) noexcept;
  ~RequestKey();

  /// PKCS#8 ("PRIVATE KEY"), not encrypted, whatever it was read from; not for a key in a token.
  [[nodiscard]] Result<std::string> private_pem() const;

  /// SubjectPublicKeyInfo ("PUBLIC KEY"): lines, the last of which ends, too.
  [[nodiscard]] Result<std::string> public_pem() const;

  /// The signature of `bytes` in base64 with padding and without line breaks. RSA: PKCS#1 v1.5 over
  /// SHA-256. ECDSA: over SHA-256, as DER. Ed25519: over the bytes themselves.
  [[nodiscard]] Result<std::string> sign(std::string_view bytes) const;

 private:
  struct State;
  explicit RequestKey(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace patchbay::artifact
