#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/artifact/contents.hpp"

/// What changes for a device that goes from one artifact to another.
namespace patchbay::artifact_tool {

/// One thing that is different. Absent before: added; absent after: removed.
struct Difference {
  std::string key;  ///< what it is: a provides key, the name of a file; empty where there is one
  std::optional<std::string> before, after;
};

struct PayloadDifference {
  std::size_t index = 0;
  std::vector<Difference> type, provides, depends, clears, meta_data, files;
};

struct ArtifactDifference {
  std::vector<Difference> name, group, compatible_types, depends_names, depends_groups, scripts;
  std::vector<PayloadDifference> payloads;  ///< only those that differ
  /// What the device provides after the first artifact, and after the second upon it.
  std::vector<Difference> device_provides;
  /// Depends of the second that a device with only the first does not meet: "key: wants a or b".
  std::vector<std::string> unmet;
  [[nodiscard]] bool any() const;
};

ArtifactDifference compare(const artifact::Contents& before, const artifact::Contents& after);

/// Whether `pattern`, where * stands for any text, matches all of `key`.
bool pattern_matches(std::string_view pattern, std::string_view key);

}  // namespace patchbay::artifact_tool
