#include "core/artifact/key_kind.hpp"

#include <array>
#include <string>

namespace patchbay::artifact {
namespace {

constexpr int kMinRsaBits = 2048;

/// Length of a coordinate for the curves we take; 0 for others.
std::size_t coordinate_bytes(const CryptoLibrary& crypto, const EVP_PKEY* key) {
  std::array<char, 80> group{};
  if (crypto.evp_pkey_get_group_name(key, group.data(), group.size(), nullptr) != 1) return 0;
  const std::string_view name = group.data();
  if (name == "prime256v1" || name == "P-256") return 32;
  if (name == "secp384r1" || name == "P-384") return 48;
  if (name == "secp521r1" || name == "P-521") return 66;
  return 0;
}

Error refuse(const std::string& why) {
  return {ErrorCode::unsupported, why};
}

}  // namespace

Result<KeyTraits> traits_of(const CryptoLibrary& crypto, const EVP_PKEY* key) {
  switch (crypto.evp_pkey_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = crypto.evp_pkey_get_bits(key);
      if (bits >= kMinRsaBits) return KeyTraits{KeyKind::rsa, 0};
      return refuse("RSA with " + std::to_string(bits) + " bits; at least " +
                    std::to_string(kMinRsaBits) + " are needed");
    }
    case EVP_PKEY_EC: {
      const std::size_t bytes = coordinate_bytes(crypto, key);
      if (bytes != 0) return KeyTraits{KeyKind::ecdsa, bytes};
      return refuse("ECDSA on a curve other than P-256, P-384, P-521");
    }
    case EVP_PKEY_ED25519:
      return KeyTraits{KeyKind::ed25519, 0};
    default:
      return refuse("neither RSA nor ECDSA nor Ed25519");
  }
}

const EVP_MD* digest_for(const CryptoLibrary& crypto, KeyKind kind) {
  return kind == KeyKind::ed25519 ? nullptr : crypto.evp_sha256();
}

}  // namespace patchbay::artifact
