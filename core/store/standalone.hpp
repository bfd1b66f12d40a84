#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/store/provides.hpp"

namespace patchbay::store {

/// Mender's record of a command-line update in progress, key `standalone-state`. Written at every
/// stop where Mender's client would write one, so that either client can finish the other's update.
struct StandaloneRecord {
  std::string artifact_name;
  std::optional<std::string> artifact_group;
  std::vector<std::string> payload_types;
  Provides provides;                               ///< ArtifactTypeInfoProvides
  std::optional<std::vector<std::string>> clears;  ///< ArtifactClearsProvides
  /// Before_ArtifactInstall_Enter, ArtifactInstall_Enter, Before_ArtifactCommit_Enter,
  /// ArtifactCommit_Enter, Before_ArtifactCommit_Leave, ArtifactCommit_Leave,
  /// ArtifactRollback_Enter, ArtifactFailure_Enter, Cleanup. A version 1 record (Mender 3.x) reads
  /// as Before_ArtifactCommit_Enter.
  std::string in_state;
  bool failed = false;
  bool rolled_back = false;
};

/// A record that is not JSON, lacks a member or has one of a wrong type is invalid_input, naming
/// key and member; another version is unsupported.
Result<StandaloneRecord> parse_standalone(std::string_view json);

/// An update that waits for its commit is written as version 1 with the members of version 2 beside
/// it, which Mender 3.x and later both read; every other state as version 2, which 3.x refuses to
/// touch rather than to commit an update that is not installed.
std::string to_json(const StandaloneRecord& record);

}  // namespace patchbay::store
