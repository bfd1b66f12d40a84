#include "core/artifact/sha256.hpp"

#include <string>

#include "core/artifact/crypto_library.hpp"

namespace patchbay::artifact {

struct Sha256::State {
  void restart() { healthy = crypto != nullptr && crypto->sha256_init(&context) == 1; }

  const CryptoLibrary* crypto = crypto_library().value_or(nullptr);  ///< without it, finish() fails
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
  state_->healthy = state_->healthy && state_->crypto->sha256_update(&state_->context, bytes.data(),
                                                                     bytes.size()) == 1;
}

Result<Digest> Sha256::finish() {
  Digest digest{};
  PB_TRY(const CryptoLibrary* crypto, crypto_library());
  const bool good =
      state_->healthy &&
      crypto->sha256_final(reinterpret_cast<unsigned char*>(digest.data()), &state_->context) == 1;
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
