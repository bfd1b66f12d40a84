#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/artifact/reader.hpp"
#include "core/artifact/token.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

/// Where the pass phrase of an encrypted key, or the PIN of a token, comes from. Called at most
/// once a key, and only when it is needed. `what` says what the secret opens, for a prompt.
using PassPhrase = std::function<Result<std::string>(const std::string& what)>;

/// A private key that is ready to sign: out of a file, or in a token that never lets go of it.
/// Cheap to copy; copies share the key. One thread at a time.
///
/// RSA of 2048 bits or more: PKCS#1 v1.5 over SHA-256. ECDSA on P-256, P-384, P-521: r and s over
/// SHA-256, each as long as the curve's coordinates. Ed25519: over the manifest itself.
class SigningKey {
 public:
  /// From PEM text: PKCS#8 (also encrypted), PKCS#1 or SEC1 (also in OpenSSL's old encrypted form).
  /// `name` is what errors call it. Errors: invalid_input (no private key, wrong pass phrase),
  /// unsupported (another kind, size or curve, encrypted and no pass phrase to be had).
  static Result<SigningKey> from_pem(std::string name, const std::string& pem,
                                     const PassPhrase& pass_phrase = {});

  /// In a token. `pin` is only asked when the URI has neither pin-value nor pin-source. Errors:
  /// invalid_input (no URI), unsupported (no such engine; another kind of key), denied (wrong PIN),
  /// not_found (token or key).
  static Result<SigningKey> from_token(const Token& token, const PassPhrase& pin = {});

  /// The public half of a key in a token, for verifying.
  static Result<VerificationKey> public_key_of(const Token& token, const PassPhrase& pin = {});

  /// Signs the bytes of a manifest: the text of one line of manifest.sig, base64 without a line
  /// end. Its length depends on the key alone.
  [[nodiscard]] Result<std::string> sign(std::string_view manifest) const;

  /// Its public half, which verifies what it signs.
  [[nodiscard]] Result<VerificationKey> public_key() const;

  [[nodiscard]] const std::string& name() const;

 private:
  struct State;
  explicit SigningKey(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace patchbay::artifact
