#pragma once

#include <vector>

#include "core/artifact/artifact.hpp"
#include "core/base/result.hpp"
#include "core/flow/settings.hpp"
#include "core/host/discovery.hpp"
#include "core/store/provides.hpp"

namespace patchbay::flow {

/// Whether this artifact may be installed on this device, before a byte of payload is read: device
/// type, every depend against what is installed, and a module for each payload. The error says
/// which one does not hold. Returns the module of each payload (none for an empty payload).
Result<std::vector<host::ModuleFile>> check_plan(const artifact::Header& header,
                                                 const store::Installed& installed,
                                                 const Settings& settings);

/// An artifact without payload: it only changes what the store says is installed.
bool is_empty_payload(const artifact::Header& header);

}  // namespace patchbay::flow
