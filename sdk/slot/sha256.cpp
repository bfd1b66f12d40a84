#include "sdk/slot/sha256.hpp"

#include <span>

#include "core/artifact/sha256.hpp"

namespace patchbay::slot {

module::Result<std::string> sha256_of(std::string_view text) {
  const auto sum = artifact::sha256(std::as_bytes(std::span{text}));
  if (!sum) return module::Error{sum.error().message()};
  return to_hex(*sum);
}

}  // namespace patchbay::slot
