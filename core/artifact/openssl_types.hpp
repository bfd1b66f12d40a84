#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

/// Owners of OpenSSL objects. Included by .cpp files of this folder only.
namespace patchbay::artifact {

struct OpenSslFree {
  void operator()(BIO* bio) const;
  void operator()(EVP_PKEY* key) const;
  void operator()(EVP_MD_CTX* context) const;
  void operator()(ECDSA_SIG* signature) const;
  void operator()(BIGNUM* number) const;
};
template <typename T>
using OpenSslPtr = std::unique_ptr<T, OpenSslFree>;

}  // namespace patchbay::artifact
