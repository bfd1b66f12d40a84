#include "sdk/slot/sha256.hpp"

#include "core/artifact/sha256.hpp"

namespace patchbay::slot {

struct Sha256::State {
  artifact::Sha256 sum;
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> piece) {
  state_->sum.update(piece);
}

void Sha256::update(std::string_view piece) {
  update(as_bytes(piece));
}

module::Result<std::string> Sha256::finish() {
  const auto sum = state_->sum.finish();
  if (!sum) return module::Error{sum.error().message()};
  return to_hex(*sum);
}

module::Result<std::string> sha256_of(std::string_view text) {
  Sha256 sum;
  sum.update(text);
  return sum.finish();
}

}  // namespace patchbay::slot
