#include "core/artifact/signer.hpp"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <vector>

#include "core/artifact/private_key.hpp"
#include "core/artifact/signature.hpp"

namespace patchbay::artifact {
namespace {

constexpr int kMinRsaBits = 2048;
using Signature = std::vector<unsigned char>;

Error refuse(ErrorCode code, const std::string& name, const std::string& why) {
  ERR_clear_error();
  return {code, "signing key " + printable(name) + ": " + why};
}

/// What OpenSSL's callback finds when it needs the pass phrase.
struct PassPhraseRequest {
  const PassPhrase& source;
  const std::string& name;
  bool asked = false;
  std::optional<Error> failure;
};

/// Without a source nobody is asked: OpenSSL on its own would turn to the terminal.
int give_pass_phrase(char* buffer, int size, int /*encrypting*/, void* user) {
  auto& request = *static_cast<PassPhraseRequest*>(user);
  // Asked again (OpenSSL tries one decoder after the other): the answer would be the same.
  if (request.failure || !request.source) return -1;
  request.asked = true;
  auto phrase = request.source("pass phrase of " + request.name);
  if (!phrase) {
    request.failure = std::move(phrase).error();
    return -1;
  }
  if (phrase->size() > static_cast<std::size_t>(size)) return -1;
  std::copy(phrase->begin(), phrase->end(), buffer);
  return static_cast<int>(phrase->size());
}

Error why_not_read(const PassPhraseRequest& request, const std::string& pem) {
  if (request.failure) return request.failure->context("signing key " + printable(request.name));
  if (request.asked) return refuse(ErrorCode::invalid_input, request.name, "wrong pass phrase");
  if (pem.find("ENCRYPTED") != std::string::npos) {
    return refuse(ErrorCode::unsupported, request.name,
                  "it is encrypted and there is no pass phrase for it");
  }
  if (pem.find("-----BEGIN PUBLIC KEY") != std::string::npos) {
    return refuse(ErrorCode::invalid_input, request.name,
                  "a public key cannot sign; the private key is needed");
  }
  return refuse(ErrorCode::invalid_input, request.name, "not a private key in PEM form");
}

Result<OpenSslPtr<EVP_PKEY>> parse(const std::string& name, const std::string& pem,
                                   const PassPhrase& pass_phrase) {
  std::optional<std::string> known;
  const PassPhrase once = [&](const std::string& what) -> Result<std::string> {
    if (!known) {
      PB_TRY(known, pass_phrase(what));
    }
    return *known;
  };
  const PassPhrase none;
  PassPhraseRequest request{pass_phrase ? once : none, name, false, std::nullopt};
  const OpenSslPtr<BIO> bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  OpenSslPtr<EVP_PKEY> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, give_pass_phrase, &request)};
  if (!key) return why_not_read(request, pem);
  return key;
}

/// Bytes of a coordinate for the curves we sign with; 0 for others.
std::size_t coordinate_bytes(const EVP_PKEY* key) {
  std::array<char, 80> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return 0;
  const std::string_view name = group.data();
  if (name == "prime256v1") return 32;
  if (name == "secp384r1") return 48;
  return name == "secp521r1" ? 66 : 0;
}

Status check_kind(const std::string& name, const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kMinRsaBits) return Done{};
      return refuse(ErrorCode::invalid_input, name,
                    "RSA of " + std::to_string(bits) + " bits is too weak; 2048 are the least");
    }
    case EVP_PKEY_EC:
      if (coordinate_bytes(key) != 0) return Done{};
      return refuse(ErrorCode::unsupported, name,
                    "its curve is not supported; use P-256, P-384 or P-521");
    case EVP_PKEY_ED25519:
      return Done{};
    default:
      return refuse(ErrorCode::unsupported, name,
                    "keys of this kind are not supported; use RSA, ECDSA or Ed25519");
  }
}

Error cannot_sign(const std::string& name, const std::string& why) {
  return refuse(ErrorCode::io, name, "cannot sign: " + why);
}

Result<Signature> sign_bytes(const std::string& name, std::string_view text, EVP_PKEY* key,
                             const EVP_MD* digest) {
  const OpenSslPtr<EVP_MD_CTX> context{EVP_MD_CTX_new()};
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, text.size()) != 1)
    return cannot_sign(name, last_openssl_error());
  Signature signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, data, text.size()) != 1)
    return cannot_sign(name, last_openssl_error());
  signature.resize(size);
  return signature;
}

/// OpenSSL makes a DER structure of r and s, whose length varies; readers want them side by side.
Result<Signature> raw_ecdsa(const std::string& name, const Signature& der, std::size_t coordinate) {
  const unsigned char* at = der.data();
  const OpenSslPtr<ECDSA_SIG> parts{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
  Signature raw(2 * coordinate);
  const int size = static_cast<int>(coordinate);
  if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), raw.data(), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), raw.data() + coordinate, size) != size)
    return cannot_sign(name, "OpenSSL made a signature of an unknown form");
  return raw;
}

std::string base64(const Signature& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

Result<VerificationKey> public_half(const std::string& name, EVP_PKEY* key) {
  const OpenSslPtr<BIO> bio{BIO_new(BIO_s_mem())};
  if (PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    return refuse(ErrorCode::unsupported, name, "it does not tell its public key");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return VerificationKey{name, {text, static_cast<std::size_t>(size)}};
}

/// Without the query, in which the PIN may be.
std::string name_of(const SigningKey::Token& token) {
  return token.uri.substr(0, token.uri.find('?'));
}

/// A token that holds a public key of another pair under the same identity signs, but to no avail.
Status check_signature(const SigningKey& key, std::string_view manifest, const std::string& line) {
  PB_TRY(const VerificationKey half, key.public_key());
  PB_TRY(const Keyring keyring, Keyring::load({half}));
  if (keyring.verify(as_bytes(manifest), line, {})) return Done{};
  return refuse(ErrorCode::integrity, key.name(),
                "its public half does not verify what it signs; in a token, give each key pair its "
                "own id");
}

}  // namespace

struct SigningKey::State {
  std::string name;
  OpenSslPtr<EVP_PKEY> key;
};

SigningKey::SigningKey(std::shared_ptr<const State> state) : state_{std::move(state)} {
}

Result<SigningKey> SigningKey::from_pem(std::string name, const std::string& pem,
                                        const PassPhrase& pass_phrase) {
  PB_TRY(auto key, parse(name, pem, pass_phrase));
  PB_CHECK(check_kind(name, key.get()));
  return SigningKey{std::make_shared<State>(State{std::move(name), std::move(key)})};
}

Result<SigningKey> SigningKey::from_token(const Token& token, const PassPhrase& pin) {
  PB_TRY(auto key, load_token_key(token, KeyHalf::secret, pin));
  std::string name = name_of(token);
  PB_CHECK(check_kind(name, key.get()));
  return SigningKey{std::make_shared<State>(State{std::move(name), std::move(key)})};
}

Result<std::string> SigningKey::sign(std::string_view manifest) const {
  EVP_PKEY* key = state_->key.get();
  const bool hashes_itself = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
  PB_TRY(Signature signature,
         sign_bytes(state_->name, manifest, key, hashes_itself ? nullptr : EVP_sha256()));
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    PB_TRY(signature, raw_ecdsa(state_->name, signature, coordinate_bytes(key)));
  }
  std::string line = base64(signature);
  PB_CHECK(check_signature(*this, manifest, line));
  return line;
}

Result<VerificationKey> SigningKey::public_key() const {
  return public_half(state_->name, state_->key.get());
}

Result<VerificationKey> SigningKey::public_key_of(const Token& token, const PassPhrase& pin) {
  PB_TRY(const auto key, load_token_key(token, KeyHalf::open, pin));
  PB_TRY(VerificationKey half, public_half(name_of(token), key.get()));
  return parse_verification_key(std::move(half.name), std::move(half.pem));
}

const std::string& SigningKey::name() const {
  return state_->name;
}

std::string last_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return {};
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

}  // namespace patchbay::artifact
