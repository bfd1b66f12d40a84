#include "core/artifact/signature.hpp"

#include "core/artifact/base64.hpp"
#include "core/artifact/verification_key.hpp"

namespace patchbay::artifact {
namespace {

enum class RsaPadding : std::uint8_t { pkcs1, pss };

const unsigned char* bytes_of(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// A failed verification leaves entries in OpenSSL's per-thread error queue; they mean nothing to
/// us and must not be there for whoever looks at the queue next.
bool verify_digest(const LoadedKey& key, RsaPadding padding, ByteSpan message, ByteSpan signature) {
  const CryptoLibrary& crypto = *key.crypto;
  const EVP_MD* digest = digest_for(crypto, key.traits.kind);
  const OpenSslPtr<EVP_MD_CTX> context{crypto.evp_md_ctx_new()};
  EVP_PKEY_CTX* key_context = nullptr;
  bool good =
      context != nullptr && crypto.evp_digest_verify_init(context.get(), &key_context, digest,
                                                          nullptr, key.key.get()) == 1;
  if (good && padding == RsaPadding::pss) {
    good = crypto.evp_pkey_ctx_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1;
  }
  good = good && crypto.evp_digest_verify(context.get(), bytes_of(signature), signature.size(),
                                          bytes_of(message), message.size()) == 1;
  crypto.err_clear_error();
  return good;
}

/// r and s, each in fixed length, as the ASN.1 structure OpenSSL wants. Empty on failure.
ByteVector der_of_raw(const CryptoLibrary& crypto, ByteSpan raw) {
  const auto half = static_cast<int>(raw.size() / 2);
  OpenSslPtr<BIGNUM> r{crypto.bn_bin2bn(bytes_of(raw), half, nullptr)};
  OpenSslPtr<BIGNUM> s{crypto.bn_bin2bn(bytes_of(raw) + half, half, nullptr)};
  const OpenSslPtr<ECDSA_SIG> signature{crypto.ecdsa_sig_new()};
  if (!r || !s || !signature) return {};
  if (crypto.ecdsa_sig_set0(signature.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // the signature owns both numbers now
  static_cast<void>(s.release());
  const int length = crypto.i2d_ecdsa_sig(signature.get(), nullptr);
  if (length <= 0) return {};
  ByteVector der(static_cast<std::size_t>(length));
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  crypto.i2d_ecdsa_sig(signature.get(), &end);
  return der;
}

bool verify_one(const LoadedKey& key, ByteSpan message, ByteSpan signature) {
  const bool raw =
      key.traits.kind == KeyKind::ecdsa && signature.size() == 2 * key.traits.coordinate_bytes;
  const ByteVector converted = raw ? der_of_raw(*key.crypto, signature) : ByteVector{};
  return verify_digest(key, RsaPadding::pkcs1, message, raw ? ByteSpan{converted} : signature);
}

bool is_pss(const LoadedKey& key, ByteSpan message, ByteSpan signature) {
  return key.traits.kind == KeyKind::rsa && verify_digest(key, RsaPadding::pss, message, signature);
}

Result<std::vector<ByteVector>> parse_signatures(std::string_view text, const Limits& limits) {
  const auto invalid = [](const std::string& message) {
    return Error{ErrorCode::invalid_input, "manifest.sig: " + message};
  };
  while (text.ends_with('\n'))
    text.remove_suffix(1);
  if (text.empty()) return invalid("empty");
  std::vector<ByteVector> signatures;
  while (true) {
    if (signatures.size() == limits.signatures) {
      return invalid("more than " + std::to_string(limits.signatures) + " signatures");
    }
    const std::size_t end = std::min(text.find('\n'), text.size());
    auto signature = decode_base64(text.substr(0, end));
    if (!signature || signature->empty()) {
      return invalid("line " + std::to_string(signatures.size() + 1) + " is not base64");
    }
    signatures.push_back(std::move(*signature));
    if (end == text.size()) return signatures;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

struct Keyring::Key : LoadedKey {};

Keyring::Keyring() = default;
Keyring::Keyring(Keyring&&) noexcept = default;
Keyring& Keyring::operator=(Keyring&&) noexcept = default;
Keyring::~Keyring() = default;

Result<Keyring> Keyring::load(const std::vector<VerificationKey>& keys) {
  Keyring keyring;
  for (const VerificationKey& key : keys) {
    PB_TRY(LoadedKey loaded, load_key(key));
    keyring.keys_.push_back(Key{std::move(loaded)});
  }
  return keyring;
}

Result<std::string> Keyring::verify(ByteSpan manifest, std::string_view signature_text,
                                    const Limits& limits) const {
  PB_TRY(const std::vector<ByteVector> signatures, parse_signatures(signature_text, limits));
  for (const Key& key : keys_) {
    for (const ByteVector& signature : signatures) {
      if (verify_one(key, manifest, signature)) return key.name;
    }
  }
  for (const Key& key : keys_) {
    for (const ByteVector& signature : signatures) {
      if (!is_pss(key, manifest, signature)) continue;
      return Error{ErrorCode::unsupported,
                   "manifest.sig: an RSA-PSS signature (of key " + printable(key.name) +
                       "), which is not supported; sign with PKCS#1 v1.5 padding"};
    }
  }
  std::string names;
  for (const Key& key : keys_)
    names += (names.empty() ? "" : ", ") + printable(key.name);
  return Error{ErrorCode::integrity, "manifest.sig: the signature is not of any configured key (" +
                                         names + "), or the manifest was changed after signing"};
}

}  // namespace patchbay::artifact
