#pragma once

#include <string>
#include <vector>

#include "tests/support/module_tree.hpp"

namespace patchbay::testing {

/// A throw-away device for Debian's Mender client, with one update module installed. Needs the
/// packages mender-client and mender-artifact; where they are missing, calls fail and say so.
class MenderDevice {
 public:
  MenderDevice(const std::string& module_program, const std::string& type);

  /// Makes the artifact with mender-artifact. `meta_data` is JSON text, or empty for none.
  void write_artifact(const std::string& type, const std::vector<std::string>& files,
                      const std::string& meta_data = "");
  [[nodiscard]] std::string artifact() const { return directory_ / "update.mender"; }

  /// Runs "mender <arguments>" on this device.
  [[nodiscard]] CallResult mender(const std::string& arguments) const;

 private:
  TempDir directory_;
};

}  // namespace patchbay::testing
