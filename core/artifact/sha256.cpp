#include "core/artifact/sha256.hpp"

// SHA256_Init and its kin are deprecated in favour of EVP, which first loads the library's
// configuration and providers: more work than all the rest of a small install. They run the same
// code on the same processor instructions.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <string>

namespace patchbay::artifact {

struct Sha256::State {
  void restart() { healthy = SHA256_Init(&context) == 1; }

  SHA256_CTX context{};
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
      state_->healthy && SHA256_Update(&state_->context, bytes.data(), bytes.size()) == 1;
}

Sha256 Sha256::fork() const {
  Sha256 copy;
  *copy.state_ = *state_;
  return copy;
}

Result<Digest> Sha256::finish() {
  Digest digest{};
  const bool good = state_->healthy && SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()),
                                                    &state_->context) == 1;
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
