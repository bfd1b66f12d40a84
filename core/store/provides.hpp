#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/store.hpp"

namespace patchbay::store {

using Provides = std::map<std::string, std::string>;

/// What is installed, as the store says.
struct Installed {
  std::string name;  ///< "unknown" on a device that never recorded one
  std::optional<std::string> group;
  Provides provides;  ///< without artifact_name and artifact_group
};

Result<Installed> read_installed(const Store& store);

/// Everything the device provides: provides plus artifact_name and, if set, artifact_group; the map
/// that depends are matched against and `show-provides` prints.
Provides all_provides(const Installed& installed);

/// What one payload changes when its artifact is committed.
struct ProvidesChange {
  Provides provides;
  std::optional<std::vector<std::string>> clears;  ///< none: absent, the same as ["*"]
};

/// `*` matches any run of characters, everything else itself; the whole key must match. Linear in
/// the key for every pattern.
bool matches(std::string_view pattern, std::string_view key);

/// `installed` after an artifact `name` (group `group`) has been committed: for each change in
/// order, keys that match its clears go, its provides come; then name and group are set. An old
/// group survives unless cleared.
Installed apply(Installed installed, const std::string& name,
                const std::optional<std::string>& group,
                const std::vector<ProvidesChange>& changes);

/// Adds to `transaction` what records `installed`; keys that are empty now are erased.
void record(const Installed& installed, Transaction& transaction);

/// The first thing in `depends` that `provides` does not meet, as a sentence for people; nothing
/// when all are met. A missing key and a wrong value both count.
std::optional<std::string> unmet(const std::map<std::string, std::vector<std::string>>& depends,
                                 const Provides& provides);

}  // namespace patchbay::store
