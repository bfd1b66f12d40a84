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

/// `fallback_name` is the name while the store has none: callers that honour Mender 3.x's
/// /etc/mender/artifact_info pass what it says.
Result<Installed> read_installed(const Store& store, std::string_view fallback_name = "unknown");

/// Everything the device provides: provides plus artifact_name and, if set, artifact_group; the map
/// that depends are matched against and `show-provides` prints.
Provides all_provides(const Installed& installed);

/// What one payload changes when its artifact is committed.
struct ProvidesChange {
  Provides provides;
  std::optional<std::vector<std::string>> clears;  ///< none: absent, the same as ["*"]
};

/// The changes of all payloads as the one change that their artifact makes: their provides (of
/// equal keys the last) and all patterns of their clears; one absent clears makes the whole absent.
ProvidesChange merge(const std::vector<ProvidesChange>& changes);

/// `*` matches any run of characters, everything else itself; the whole key must match. Linear in
/// the key for every pattern.
bool matches(std::string_view pattern, std::string_view key);

/// `installed` after an artifact `name` (group `group`) has been committed: what was recorded
/// before and matches the clears of any change goes, then the provides of every change come, in
/// order; then name and group are set. So no payload clears what another one of the same artifact
/// provides. An old group survives unless cleared (as the key artifact_group).
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
