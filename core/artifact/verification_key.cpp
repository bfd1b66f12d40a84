#include "core/artifact/verification_key.hpp"

#include <array>

namespace patchbay::artifact {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kPublicKey = "PUBLIC KEY";

Error refuse(ErrorCode code, const std::string& name, const std::string& why) {
  return {code, "verification key " + printable(name) + ": " + why};
}

/// "PUBLIC KEY" of "-----BEGIN PUBLIC KEY-----"; empty when there is no PEM block.
std::string_view first_label(std::string_view pem) {
  const std::size_t begin = pem.find(kBegin);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = pem.substr(begin + kBegin.size());
  const std::size_t end = rest.find("-----");
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

/// What is wrong with a PEM block of another kind, and the command that makes the right one.
std::string wrong_label(std::string_view label) {
  if (label.empty()) return "not a PEM file (no \"-----BEGIN PUBLIC KEY-----\" in it)";
  std::string command = "openssl pkey -in FILE -pubout";
  if (label == "RSA PUBLIC KEY") command = "openssl rsa -RSAPublicKey_in -in FILE -pubout";
  if (label.ends_with("CERTIFICATE")) command = "openssl x509 -in FILE -noout -pubkey";
  std::string text = "holds \"" + printable(label, 60) + "\", not \"PUBLIC KEY\"; ";
  if (label.find("PRIVATE") != std::string_view::npos) {
    text += "a private key does not belong on a device; ";
  }
  return text + "convert it with: " + command;
}

/// Length of a coordinate for the curves we take; 0 for others.
std::size_t coordinate_bytes(const LoadedKey& key) {
  std::array<char, 80> group{};
  if (key.crypto->evp_pkey_get_group_name(key.key.get(), group.data(), group.size(), nullptr) != 1)
    return 0;
  const std::string_view name = group.data();
  if (name == "prime256v1" || name == "P-256") return 32;
  if (name == "secp384r1" || name == "P-384") return 48;
  if (name == "secp521r1" || name == "P-521") return 66;
  return 0;
}

Result<LoadedKey> decode(const VerificationKey& key) {
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  const auto size = static_cast<int>(key.pem.size());
  const OpenSslPtr<BIO> bio{crypto->bio_new_mem_buf(key.pem.data(), size)};
  OpenSslPtr<EVP_PKEY> decoded{crypto->pem_read_bio_pubkey(bio.get(), nullptr, nullptr, nullptr)};
  crypto->err_clear_error();
  if (!decoded) {
    return refuse(ErrorCode::invalid_input, key.name, "cannot be decoded; the file is damaged");
  }
  return LoadedKey{key.name, KeyKind::rsa, 0, crypto, std::move(decoded)};
}

Result<LoadedKey> as_rsa(LoadedKey key) {
  const int bits = key.crypto->evp_pkey_get_bits(key.key.get());
  if (bits >= kMinRsaBits) return key;
  return refuse(ErrorCode::unsupported, key.name,
                "RSA with " + std::to_string(bits) + " bits; at least " +
                    std::to_string(kMinRsaBits) + " are needed");
}

Result<LoadedKey> as_ecdsa(LoadedKey key) {
  key.kind = KeyKind::ecdsa;
  key.coordinate_bytes = coordinate_bytes(key);
  if (key.coordinate_bytes != 0) return key;
  return refuse(ErrorCode::unsupported, key.name,
                "ECDSA on a curve other than P-256, P-384, P-521");
}

}  // namespace

Result<LoadedKey> load_key(const VerificationKey& key) {
  const std::string_view label = first_label(key.pem);
  if (label != kPublicKey) {
    return refuse(ErrorCode::invalid_input, key.name, wrong_label(label));
  }
  PB_TRY(LoadedKey loaded, decode(key));
  switch (loaded.crypto->evp_pkey_get_base_id(loaded.key.get())) {
    case EVP_PKEY_RSA:
      return as_rsa(std::move(loaded));
    case EVP_PKEY_EC:
      return as_ecdsa(std::move(loaded));
    case EVP_PKEY_ED25519:
      loaded.kind = KeyKind::ed25519;
      return loaded;
    default:
      return refuse(ErrorCode::unsupported, key.name, "neither RSA nor ECDSA nor Ed25519");
  }
}

Result<VerificationKey> parse_verification_key(std::string name, std::string pem) {
  VerificationKey key{std::move(name), std::move(pem)};
  PB_CHECK(load_key(key));
  return key;
}

}  // namespace patchbay::artifact
