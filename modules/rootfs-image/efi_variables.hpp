#pragma once

#include <optional>
#include <string>

#include "patchbay/module.hpp"

namespace patchbay::rootfs_image {

/// The firmware's variables as the kernel's efivarfs shows them: a file NAME-GUID for each, with 4
/// bytes of attributes and the value. What is written is non-volatile and visible to boot loaders;
/// the firmware makes each change of a variable one step. Blocking.
class EfiVariables {
 public:
  explicit EfiVariables(std::string directory) : directory_{std::move(directory)} {}

  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Nothing if there is no such variable.
  [[nodiscard]] module::Result<std::optional<std::string>> read(const std::string& name) const;
  [[nodiscard]] module::Status write(const std::string& name, const std::string& value) const;
  /// No error if it is gone already.
  [[nodiscard]] module::Status remove(const std::string& name) const;

 private:
  std::string directory_;
};

}  // namespace patchbay::rootfs_image
