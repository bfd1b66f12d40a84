#include "core/artifact/verification_key.hpp"

namespace patchbay::artifact {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kPublicKey = "PUBLIC KEY";

std::string what(const std::string& name) {
  return "verification key " + printable(name);
}

Error refuse(const std::string& name, const std::string& why) {
  return {ErrorCode::invalid_input, what(name) + ": " + why};
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

Result<LoadedKey> decode(const VerificationKey& key) {
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  const auto size = static_cast<int>(key.pem.size());
  const OpenSslPtr<BIO> bio{crypto->bio_new_mem_buf(key.pem.data(), size)};
  OpenSslPtr<EVP_PKEY> decoded{crypto->pem_read_bio_pubkey(bio.get(), nullptr, nullptr, nullptr)};
  crypto->err_clear_error();
  if (!decoded) {
    return refuse(key.name, "cannot be decoded; the file is damaged");
  }
  return LoadedKey{key.name, {}, crypto, std::move(decoded)};
}

}  // namespace

Result<LoadedKey> load_key(const VerificationKey& key) {
  const std::string_view label = first_label(key.pem);
  if (label != kPublicKey) {
    return refuse(key.name, wrong_label(label));
  }
  PB_TRY(LoadedKey loaded, decode(key));
  PB_TRY(loaded.traits, traits_of(*loaded.crypto, loaded.key.get()).context(what(key.name)));
  return loaded;
}

Result<VerificationKey> parse_verification_key(std::string name, std::string pem) {
  VerificationKey key{std::move(name), std::move(pem)};
  PB_CHECK(load_key(key));
  return key;
}

}  // namespace patchbay::artifact
