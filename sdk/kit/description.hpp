#pragma once

#include <optional>
#include <string>
#include <vector>

/// What a module says of itself when it is asked to Describe (docs/module-protocol.md).
namespace patchbay::kit {

/// Nothing where the module says nothing.
struct Description {
  std::optional<bool> rollback;
  std::optional<std::string> reboot;
  std::optional<bool> streams;
  std::optional<std::vector<std::string>> writes;  ///< nothing also for "as the artifact says"
  std::string problem;  ///< what is wrong with the answer; empty when nothing is
};

Description read_description(const std::string& answer);

}  // namespace patchbay::kit
