#include "core/artifact/crypto_library.hpp"

#include <dlfcn.h>

#include <string>

#include "core/artifact/openssl_types.hpp"

namespace patchbay::artifact {
namespace {

constexpr const char* kFileName = "libcrypto.so.3";

Error cannot_use(const std::string& file_name, const std::string& why) {
  return Error{ErrorCode::unsupported, "checksums and signatures need " + file_name + ": " + why +
                                           "; install libssl3 (3.0 or later)"};
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

bool find_sums(void* library, CryptoLibrary& crypto) {
  return find(library, "SHA256_Init", crypto.sha256_init) &&
         find(library, "SHA256_Update", crypto.sha256_update) &&
         find(library, "SHA256_Final", crypto.sha256_final);
}

bool find_keys(void* library, CryptoLibrary& crypto) {
  return find(library, "BIO_new_mem_buf", crypto.bio_new_mem_buf) &&
         find(library, "BIO_free_all", crypto.bio_free_all) &&
         find(library, "PEM_read_bio_PUBKEY", crypto.pem_read_bio_pubkey) &&
         find(library, "EVP_PKEY_free", crypto.evp_pkey_free) &&
         find(library, "EVP_PKEY_get_base_id", crypto.evp_pkey_get_base_id) &&
         find(library, "EVP_PKEY_get_bits", crypto.evp_pkey_get_bits) &&
         find(library, "EVP_PKEY_get_group_name", crypto.evp_pkey_get_group_name) &&
         find(library, "ERR_clear_error", crypto.err_clear_error);
}

bool find_signatures(void* library, CryptoLibrary& crypto) {
  return find(library, "EVP_PKEY_CTX_set_rsa_padding", crypto.evp_pkey_ctx_set_rsa_padding) &&
         find(library, "EVP_sha256", crypto.evp_sha256) &&
         find(library, "EVP_MD_CTX_new", crypto.evp_md_ctx_new) &&
         find(library, "EVP_MD_CTX_free", crypto.evp_md_ctx_free) &&
         find(library, "EVP_DigestVerifyInit", crypto.evp_digest_verify_init) &&
         find(library, "EVP_DigestVerify", crypto.evp_digest_verify) &&
         find(library, "BN_bin2bn", crypto.bn_bin2bn) && find(library, "BN_free", crypto.bn_free) &&
         find(library, "ECDSA_SIG_new", crypto.ecdsa_sig_new) &&
         find(library, "ECDSA_SIG_free", crypto.ecdsa_sig_free) &&
         find(library, "ECDSA_SIG_set0", crypto.ecdsa_sig_set0) &&
         find(library, "i2d_ECDSA_SIG", crypto.i2d_ecdsa_sig);
}

/// For the deleters: whoever has an object of the library has loaded it.
const CryptoLibrary& loaded() {
  return *crypto_library().value();
}

}  // namespace

Result<CryptoLibrary> load_crypto_library(const char* file_name) {
  // Never closed: it registers handlers for the end of the process.
  void* library = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return cannot_use(file_name, "it is not installed");
  CryptoLibrary crypto{};
  if (!find_sums(library, crypto) || !find_keys(library, crypto) ||
      !find_signatures(library, crypto)) {
    return cannot_use(file_name, "it is too old");
  }
  return crypto;
}

Result<const CryptoLibrary*> crypto_library() {
  static const Result<CryptoLibrary> library = load_crypto_library(kFileName);
  if (!library) return Error{library.error()};
  return &library.value();
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
