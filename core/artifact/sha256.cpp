#include "core/artifact/sha256.hpp"

#include <openssl/evp.h>

#include <string>

namespace patchbay::artifact {

struct Sha256::State {
  struct FreeContext {
    void operator()(EVP_MD_CTX* freed) const { EVP_MD_CTX_free(freed); }
  };
  struct FreeAlgorithm {
    void operator()(EVP_MD* freed) const { EVP_MD_free(freed); }
  };

  void restart() {
    healthy = algorithm != nullptr && context != nullptr &&
              EVP_DigestInit_ex(context.get(), algorithm.get(), nullptr) == 1;
  }

  std::unique_ptr<EVP_MD, FreeAlgorithm> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
  bool healthy = false;
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
  state_->restart();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(ByteSpan bytes) {
  state_->healthy =
      state_->healthy && EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1;
}

Result<Digest> Sha256::finish() {
  Digest digest{};
  const bool good =
      state_->healthy &&
      EVP_DigestFinal_ex(state_->context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                         nullptr) == 1;
  state_->restart();
  if (good) return digest;
  return Error{ErrorCode::internal, "the crypto library cannot compute SHA-256"};
}

Result<Digest> sha256(ByteSpan bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.finish();
}

Status check_digest(std::string_view what, const Digest& want, const Digest& have) {
  if (want == have) return Done{};
  return Error{ErrorCode::integrity, std::string{what} + ": wrong checksum: the manifest wants " +
                                         to_hex(want) + ", the content has " + to_hex(have)};
}

}  // namespace patchbay::artifact
