#include "core/artifact/signer.hpp"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <memory>
#include <vector>

namespace patchbay::artifact {
namespace {

constexpr int kMinRsaBits = 2048;

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;
using Signature = std::vector<unsigned char>;

Error cannot_sign(ErrorCode code, const std::string& why) {
  ERR_clear_error();
  return {code, "signing key: " + why};
}

/// Without it OpenSSL asks for the pass phrase on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

Result<Owned<EVP_PKEY>> load(const std::string& pem) {
  const Owned<BIO> bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  Owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr)};
  if (key) return key;
  if (pem.find("ENCRYPTED") != std::string::npos) {
    return cannot_sign(ErrorCode::unsupported,
                       "it is encrypted; decrypt it first: openssl pkey -in FILE");
  }
  return cannot_sign(ErrorCode::invalid_input, "not a private key in PEM form");
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

Result<Signature> sign(std::string_view text, EVP_PKEY* key, const EVP_MD* digest) {
  const Owned<EVP_MD_CTX> context{EVP_MD_CTX_new()};
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, text.size()) != 1)
    return cannot_sign(ErrorCode::internal, "OpenSSL cannot sign with it");
  Signature signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, data, text.size()) != 1)
    return cannot_sign(ErrorCode::internal, "OpenSSL cannot sign with it");
  signature.resize(size);
  return signature;
}

/// OpenSSL makes a DER structure of r and s, whose length varies; readers want them side by side.
Result<Signature> raw_ecdsa(const Signature& der, std::size_t coordinate) {
  const unsigned char* at = der.data();
  const Owned<ECDSA_SIG> parts{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
  Signature raw(2 * coordinate);
  const int size = static_cast<int>(coordinate);
  if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), raw.data(), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), raw.data() + coordinate, size) != size)
    return cannot_sign(ErrorCode::internal, "OpenSSL made a signature of an unknown form");
  return raw;
}

std::string base64(const Signature& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

Result<Signature> sign_by_kind(std::string_view manifest, EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kMinRsaBits) return sign(manifest, key, EVP_sha256());
      return cannot_sign(ErrorCode::invalid_input, "RSA of " + std::to_string(bits) +
                                                       " bits is too weak; 2048 are the least");
    }
    case EVP_PKEY_EC: {
      const std::size_t coordinate = coordinate_bytes(key);
      if (coordinate == 0) {
        return cannot_sign(ErrorCode::unsupported,
                           "its curve is not supported; use P-256, P-384 or P-521");
      }
      PB_TRY(const Signature der, sign(manifest, key, EVP_sha256()));
      return raw_ecdsa(der, coordinate);
    }
    case EVP_PKEY_ED25519:
      return sign(manifest, key, nullptr);
    default:
      return cannot_sign(ErrorCode::unsupported,
                         "keys of this kind are not supported; use RSA, ECDSA or Ed25519");
  }
}

}  // namespace

Result<std::string> sign_manifest(std::string_view manifest, const std::string& pem) {
  PB_TRY(const auto key, load(pem));
  PB_TRY(const Signature signature, sign_by_kind(manifest, key.get()));
  return base64(signature);
}

}  // namespace patchbay::artifact
