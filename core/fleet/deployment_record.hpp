#pragma once

#include <optional>
#include <string>

#include "core/store/store.hpp"

namespace patchbay::fleet {

/// The deployment that a server has ordered, as it survives a power cut: in the store from before
/// its download until the server has taken its result. Key `patchbay-deployment`.
struct DeploymentRecord {
  std::string id;       ///< the server's
  std::string started;  ///< of its update (flow::Journal), which tells updates apart
  enum class Result : std::uint8_t {
    open,  ///< its update has not ended
    success,
    failure,
  };
  Result result = Result::open;
};

/// "success", "failure"; "open" in the store only.
std::string_view to_string(DeploymentRecord::Result result);

/// Error code `invalid_input`: the record is damaged.
Result<std::optional<DeploymentRecord>> read_deployment(const store::Store& store);
Status record_deployment(store::Store& store, const DeploymentRecord& record);
Status erase_deployment(store::Store& store);

/// Whose record it must have been if that is damaged: of the deployment whose update is in
/// progress, else of the one that the last update was. Nothing when no server has ordered that.
Result<std::optional<DeploymentRecord>> infer_deployment(const store::Store& store);

/// What has become of an update that is not in progress any more: whether the store says that the
/// one that began at `started` is committed. False as well when it says nothing about it.
bool has_committed(const store::Store& store, const std::string& started);

}  // namespace patchbay::fleet
