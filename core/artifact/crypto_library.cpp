#include "core/artifact/crypto_library.hpp"

#include <array>
#include <string>

#include "core/artifact/openssl_types.hpp"
#include "core/os/dynamic_library.hpp"

namespace patchbay::artifact {
namespace {

Error cannot_use(const std::string& why) {
  return Error{ErrorCode::unsupported, "checksums and signatures need a library: " + why +
                                           "; install libssl3 (3.0 or later)"};
}

bool find_sums(const os::DynamicLibrary& library, CryptoLibrary& crypto) {
  return library.find("SHA256_Init", crypto.sha256_init) &&
         library.find("SHA256_Update", crypto.sha256_update) &&
         library.find("SHA256_Final", crypto.sha256_final);
}

bool find_keys(const os::DynamicLibrary& library, CryptoLibrary& crypto) {
  return library.find("BIO_new_mem_buf", crypto.bio_new_mem_buf) &&
         library.find("BIO_free_all", crypto.bio_free_all) &&
         library.find("PEM_read_bio_PUBKEY", crypto.pem_read_bio_pubkey) &&
         library.find("EVP_PKEY_free", crypto.evp_pkey_free) &&
         library.find("EVP_PKEY_get_base_id", crypto.evp_pkey_get_base_id) &&
         library.find("EVP_PKEY_get_bits", crypto.evp_pkey_get_bits) &&
         library.find("EVP_PKEY_get_group_name", crypto.evp_pkey_get_group_name) &&
         library.find("ERR_clear_error", crypto.err_clear_error) &&
         library.find("ERR_peek_last_error", crypto.err_peek_last_error) &&
         library.find("ERR_error_string_n", crypto.err_error_string_n);
}

bool find_signing(const os::DynamicLibrary& library, CryptoLibrary& crypto) {
  return library.find("PEM_read_bio_PrivateKey", crypto.pem_read_bio_private_key) &&
         library.find("EVP_PKEY_Q_keygen", crypto.evp_pkey_q_keygen) &&
         library.find("EVP_DigestSignInit", crypto.evp_digest_sign_init) &&
         library.find("EVP_DigestSign", crypto.evp_digest_sign) &&
         library.find("BIO_new", crypto.bio_new) && library.find("BIO_s_mem", crypto.bio_s_mem) &&
         library.find("BIO_ctrl", crypto.bio_ctrl) &&
         library.find("PEM_write_bio_PUBKEY", crypto.pem_write_bio_pubkey) &&
         library.find("PEM_write_bio_PrivateKey", crypto.pem_write_bio_private_key);
}

bool find_signatures(const os::DynamicLibrary& library, CryptoLibrary& crypto) {
  return library.find("EVP_PKEY_CTX_set_rsa_padding", crypto.evp_pkey_ctx_set_rsa_padding) &&
         library.find("EVP_sha256", crypto.evp_sha256) &&
         library.find("EVP_MD_CTX_new", crypto.evp_md_ctx_new) &&
         library.find("EVP_MD_CTX_free", crypto.evp_md_ctx_free) &&
         library.find("EVP_DigestVerifyInit", crypto.evp_digest_verify_init) &&
         library.find("EVP_DigestVerify", crypto.evp_digest_verify) &&
         library.find("BN_bin2bn", crypto.bn_bin2bn) && library.find("BN_free", crypto.bn_free) &&
         library.find("ECDSA_SIG_new", crypto.ecdsa_sig_new) &&
         library.find("ECDSA_SIG_free", crypto.ecdsa_sig_free) &&
         library.find("ECDSA_SIG_set0", crypto.ecdsa_sig_set0) &&
         library.find("i2d_ECDSA_SIG", crypto.i2d_ecdsa_sig);
}

/// For the deleters: whoever has an object of the library has loaded it.
const CryptoLibrary& loaded() {
  return *crypto_library().value();
}

}  // namespace

Result<CryptoLibrary> load_crypto_library(const char* file_name) {
  const auto library = os::DynamicLibrary::open(file_name);
  if (!library) return cannot_use(library.error().message());
  CryptoLibrary crypto{};
  if (!find_sums(*library, crypto) || !find_keys(*library, crypto) ||
      !find_signatures(*library, crypto) || !find_signing(*library, crypto)) {
    return cannot_use(std::string{file_name} + " is too old");
  }
  return crypto;
}

Result<const CryptoLibrary*> crypto_library() {
  static const Result<CryptoLibrary> library = load_crypto_library(kCryptoLibrary);
  if (!library) return Error{library.error()};
  return &library.value();
}

std::string last_openssl_error(const CryptoLibrary& crypto) {
  const unsigned long code = crypto.err_peek_last_error();
  if (code == 0) return {};
  std::array<char, 256> text{};
  crypto.err_error_string_n(code, text.data(), text.size());
  crypto.err_clear_error();
  return text.data();
}

void OpenSslFree::operator()(BIO* bio) const {
  loaded().bio_free_all(bio);
}
void OpenSslFree::operator()(EVP_PKEY* key) const {
  loaded().evp_pkey_free(key);
}
void OpenSslFree::operator()(EVP_MD_CTX* context) const {
  loaded().evp_md_ctx_free(context);
}
void OpenSslFree::operator()(ECDSA_SIG* signature) const {
  loaded().ecdsa_sig_free(signature);
}
void OpenSslFree::operator()(BIGNUM* number) const {
  loaded().bn_free(number);
}

}  // namespace patchbay::artifact
