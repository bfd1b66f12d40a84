#include "core/artifact/signer.hpp"

#include <vector>

#include "core/artifact/base64.hpp"
#include "core/artifact/private_key.hpp"
#include "core/artifact/token_key.hpp"

namespace patchbay::artifact {
namespace {

using Signature = std::vector<unsigned char>;

std::string what(const std::string& name) {
  return "signing key " + printable(name);
}

/// OpenSSL makes a DER structure of r and s, whose length varies; readers want them side by side.
Result<Signature> raw_ecdsa(const Signature& der, std::size_t coordinate) {
  const unsigned char* at = der.data();
  const OpenSslPtr<ECDSA_SIG> parts{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
  Signature raw(2 * coordinate);
  const int size = static_cast<int>(coordinate);
  if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), raw.data(), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), raw.data() + coordinate, size) != size)
    return Error{ErrorCode::io, "cannot sign: OpenSSL made a signature of an unknown form"};
  return raw;
}

}  // namespace

struct SigningKey::State {
  std::string name;
  PrivateKey key;
};

SigningKey::SigningKey(std::shared_ptr<const State> state) : state_{std::move(state)} {
}

Result<SigningKey> SigningKey::from_pem(std::string name, const std::string& pem,
                                        const PassPhrase& pass_phrase) {
  PB_TRY(auto key, decode_private_key(name, pem, pass_phrase).context(what(name)));
  return SigningKey{std::make_shared<State>(State{std::move(name), std::move(key)})};
}

Result<SigningKey> SigningKey::from_token(const Token& token, const PassPhrase& pin) {
  std::string name = name_of(token);
  PB_TRY(auto key, private_key_in(token, pin).context(what(name)));
  return SigningKey{std::make_shared<State>(State{std::move(name), std::move(key)})};
}

Result<std::string> SigningKey::sign(std::string_view manifest) const {
  const PrivateKey& key = state_->key;
  PB_TRY(Signature signature, signature_of(key, manifest).context(what(name())));
  if (key.traits.kind == KeyKind::ecdsa) {
    PB_TRY(signature, raw_ecdsa(signature, key.traits.coordinate_bytes).context(what(name())));
  }
  std::string line = encode_base64(std::as_bytes(std::span{signature}));
  PB_CHECK(check_signature(key, manifest, line).context(what(name())));
  return line;
}

Result<VerificationKey> SigningKey::public_key() const {
  const PrivateKey& key = state_->key;
  PB_TRY(std::string pem, public_pem_of(*key.crypto, key.key.get()).context(what(name())));
  return VerificationKey{name(), std::move(pem)};
}

Result<VerificationKey> SigningKey::public_key_of(const Token& token, const PassPhrase& pin) {
  PB_TRY(const auto key, load_token_key(token, KeyHalf::open, pin).context(what(name_of(token))));
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  PB_TRY(std::string pem, public_pem_of(*crypto, key.get()).context(what(name_of(token))));
  return parse_verification_key(name_of(token), std::move(pem));
}

const std::string& SigningKey::name() const {
  return state_->name;
}

}  // namespace patchbay::artifact
