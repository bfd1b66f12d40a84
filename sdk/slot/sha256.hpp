#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "patchbay/result.hpp"

namespace patchbay::slot {

/// SHA-256 of a small text, in hex.
module::Result<std::string> sha256_of(std::string_view text);

/// SHA-256 of what comes in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> piece);
  void update(std::string_view piece);
  /// Of all pieces since the beginning or the last call, in hex.
  module::Result<std::string> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace patchbay::slot
