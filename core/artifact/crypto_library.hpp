#pragma once

// SHA256_Init and its kin are deprecated in favour of EVP, which first loads the library's
// configuration and providers: more work than all the rest of a small install. They run the same
// code on the same processor instructions.
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <string>

#include "core/base/result.hpp"

/// OpenSSL's libcrypto, loaded for the first sum or signature. Linking to it would make every start
/// of the client go through its twenty thousand relocations, those that only commit or answer what
/// is installed too. Internal to core/artifact; what signs artifacts (signer.cpp) is not part of
/// the client and links to it, which is then the library that is found here.
namespace patchbay::artifact {

inline constexpr const char* kCryptoLibrary = "libcrypto.so.3";

/// The functions that checking, and signing requests, need, under OpenSSL's names in lower case.
struct CryptoLibrary {
  decltype(&SHA256_Init) sha256_init;
  decltype(&SHA256_Update) sha256_update;
  decltype(&SHA256_Final) sha256_final;
  decltype(&BIO_new_mem_buf) bio_new_mem_buf;
  decltype(&BIO_free_all) bio_free_all;
  decltype(&BIO_new) bio_new;
  decltype(&BIO_s_mem) bio_s_mem;
  decltype(&BIO_ctrl) bio_ctrl;
  decltype(&PEM_read_bio_PUBKEY) pem_read_bio_pubkey;
  decltype(&PEM_read_bio_PrivateKey) pem_read_bio_private_key;
  decltype(&PEM_write_bio_PUBKEY) pem_write_bio_pubkey;
  decltype(&PEM_write_bio_PrivateKey) pem_write_bio_private_key;
  decltype(&EVP_PKEY_Q_keygen) evp_pkey_q_keygen;
  decltype(&EVP_PKEY_free) evp_pkey_free;
  decltype(&EVP_PKEY_get_base_id) evp_pkey_get_base_id;
  decltype(&EVP_PKEY_get_bits) evp_pkey_get_bits;
  decltype(&EVP_PKEY_get_group_name) evp_pkey_get_group_name;
  decltype(&EVP_PKEY_CTX_set_rsa_padding) evp_pkey_ctx_set_rsa_padding;
  decltype(&EVP_sha256) evp_sha256;
  decltype(&EVP_MD_CTX_new) evp_md_ctx_new;
  decltype(&EVP_MD_CTX_free) evp_md_ctx_free;
  decltype(&EVP_DigestVerifyInit) evp_digest_verify_init;
  decltype(&EVP_DigestVerify) evp_digest_verify;
  decltype(&EVP_DigestSignInit) evp_digest_sign_init;
  decltype(&EVP_DigestSign) evp_digest_sign;
  decltype(&BN_bin2bn) bn_bin2bn;
  decltype(&BN_free) bn_free;
  decltype(&ECDSA_SIG_new) ecdsa_sig_new;
  decltype(&ECDSA_SIG_free) ecdsa_sig_free;
  decltype(&ECDSA_SIG_set0) ecdsa_sig_set0;
  decltype(&i2d_ECDSA_SIG) i2d_ecdsa_sig;
  decltype(&ERR_clear_error) err_clear_error;
  decltype(&ERR_peek_last_error) err_peek_last_error;
  decltype(&ERR_error_string_n) err_error_string_n;
};

/// Loads the library the first time; it stays until the process ends. Any thread. Error:
/// unsupported, when it is not installed or too old.
Result<const CryptoLibrary*> crypto_library();

/// The same for a library under another name: for tests.
Result<CryptoLibrary> load_crypto_library(const char* file_name);

/// The newest entry of the error queue of this thread, which is then empty; empty text when there
/// was none.
std::string last_openssl_error(const CryptoLibrary& crypto);

}  // namespace patchbay::artifact
