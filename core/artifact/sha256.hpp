#pragma once

#include <array>
#include <memory>

#include "core/base/bytes.hpp"
#include "core/base/result.hpp"

namespace patchbay::artifact {

using Digest = std::array<std::byte, 32>;

/// SHA-256 of a stream of bytes, with the processor's own instructions where it has them.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(ByteSpan bytes);

  /// The sum of everything since the last finish(); starts anew. Fails (internal) when the crypto
  /// library failed anywhere on the way.
  Result<Digest> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<Digest> sha256(ByteSpan bytes);

/// `integrity` unless the digests are equal; the message names `what` and both of them.
Status check_digest(std::string_view what, const Digest& want, const Digest& have);

}  // namespace patchbay::artifact
