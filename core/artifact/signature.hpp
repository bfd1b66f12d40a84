#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/artifact/limits.hpp"
#include "core/artifact/reader.hpp"
#include "core/base/bytes.hpp"

namespace patchbay::artifact {

/// The keys an artifact may be signed with, ready for use.
class Keyring {
 public:
  static Result<Keyring> load(const std::vector<VerificationKey>& keys);
  Keyring(Keyring&&) noexcept;
  Keyring& operator=(Keyring&&) noexcept;
  ~Keyring();

  [[nodiscard]] bool empty() const { return keys_.empty(); }

  /// Verifies the text of `manifest.sig` over the bytes of `manifest`: the name of the first key
  /// that made one of the signatures. `integrity` when none did; `unsupported` when one of them
  /// would be good but is RSA-PSS.
  [[nodiscard]] Result<std::string> verify(ByteSpan manifest, std::string_view signature_text,
                                           const Limits& limits) const;

 private:
  struct Key;
  Keyring();
  std::vector<Key> keys_;
};

}  // namespace patchbay::artifact
